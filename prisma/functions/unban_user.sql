-- Ends the ban of a user from a chat. It is no event: the user is no member, and becomes none by it. p_right is as of access_refusal.
-- Outcomes:
--   unbanned     the user may become a member again
--   repeated     the user was not banned; nothing changes
--   no_user, and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION unban_user(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_was_banned boolean;
BEGIN
  outcome := (SELECT l.outcome FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l);
  IF outcome = 'locked' THEN
    v_was_banned := is_banned(p_chat_id, p_user_id, clock_timestamp()::timestamptz(3));
    outcome := CASE
      WHEN v_was_banned THEN 'unbanned'
      WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated'
      ELSE 'no_user' END;
  END IF;
  IF outcome = 'unbanned' THEN
    DELETE FROM chat_bans b WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'user.unbanned', p_chat_id, p_user_id::text);
  END IF;
  RETURN NEXT;
END
$$;
