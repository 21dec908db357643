-- Invites a user to a chat, with the role member. p_right is as of lock_chat_for. Outcomes:
--   invited     the user may accept until p_expires_at
--   repeated    an invitation is open; nothing changes
--   member      the user is a member already
--   banned      the user is banned from the chat
--   inactive    the user is not active
--   no_user, and the refusals of lock_chat_for
-- id is that of the invitation that is open now.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION invite_to_chat(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_expires_at timestamptz)
RETURNS TABLE (outcome text, needs text, id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_is_active boolean;
BEGIN
  SELECT l.outcome, l.needs INTO outcome, needs FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    v_now := clock_timestamp();
    SELECT u.is_active INTO v_is_active FROM users u WHERE u.id = p_user_id;
    SELECT i.id INTO id FROM invitations i WHERE i.chat_id = p_chat_id AND i.user_id = p_user_id AND i.expires_at > v_now
      AND may_still_invite(p_chat_id, i.inviter_id, i.role, p_right);
    outcome := CASE
      WHEN v_is_active IS NULL THEN 'no_user'
      WHEN member_role(p_chat_id, p_user_id) IS NOT NULL THEN 'member'
      WHEN is_banned(p_chat_id, p_user_id, v_now) THEN 'banned'
      WHEN NOT v_is_active THEN 'inactive'
      WHEN id IS NOT NULL THEN 'repeated'
      ELSE 'invited' END;
  END IF;
  IF outcome = 'invited' THEN
    id := p_id;
    -- One that has ended, or that nobody stands for any more, gives way.
    INSERT INTO invitations AS i (id, chat_id, user_id, inviter_id, role, created_at, expires_at, mark)
    VALUES (p_id, p_chat_id, p_user_id, p_actor_id, 'member', v_now, p_expires_at, pg_current_xact_id()::text::bigint)
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET id = excluded.id, inviter_id = excluded.inviter_id, role = excluded.role, created_at = excluded.created_at,
        expires_at = excluded.expires_at, mark = excluded.mark;
  END IF;
  RETURN NEXT;
END
$$;
