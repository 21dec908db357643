-- A user joins a public chat, or an admin any group chat. Outcomes and columns as of add_chat_member, but
--   no_chat      also for a private chat that the user is no member of, and for a chat that the user is banned from
--   signed_out   the user is not active, or the sign-in has ended
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION join_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean;
  v_may boolean;
BEGIN
  v_is_admin := lock_sign_in(p_user_id, p_family_id) = 'admin';
  IF v_is_admin IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  -- Who may not join waits for nobody; who may is asked again under the lock.
  FOR i IN 1 .. 2 LOOP
    SELECT c.kind = 'group' AND (c.visibility = 'public' OR v_is_admin OR member_role(p_chat_id, p_user_id) IS NOT NULL)
        AND NOT is_banned(p_chat_id, p_user_id, clock_timestamp()::timestamptz(3)) INTO v_may
    FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL;
    IF v_may IS NOT TRUE THEN
      outcome := 'no_chat';
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      PERFORM 1 FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    END IF;
  END LOOP;
  RETURN QUERY SELECT a.outcome, a.epoch, a.seq, a.joined_at, a.role, a.muted_until FROM add_chat_member(p_chat_id, p_user_id, p_user_id) a;
END
$$;
