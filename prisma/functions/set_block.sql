-- Makes p_user_id block another user, or with p_is_blocked false block them no more. Outcomes:
--   set          it is so now
--   repeated     it was so before; nothing changes
--   no_user      there is no such user
--   full         the user blocks p_most users already
--   signed_out   the user is not active, or the sign-in has ended
-- In the direct chat of the two, what the blocked user may not do is a mute of their membership: there are no others in direct chats, so
-- a message in another chat asks nothing more. It takes the pair's lock as open_direct_chat does, so a chat that is opened at the same
-- time begins with it.
-- The function waits at most 1 s for each lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_block(p_user_id uuid, p_family_id uuid, p_other_id uuid, p_is_blocked boolean, p_most int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_chat_id uuid;
  v_was_blocked boolean;
BEGIN
  IF lock_sign_in(p_user_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(72707375, hashtext(least(p_user_id, p_other_id) || ' ' || greatest(p_user_id, p_other_id)));
  v_was_blocked := EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id);
  outcome := CASE
    WHEN NOT EXISTS (SELECT 1 FROM users u WHERE u.id = p_other_id) THEN 'no_user'
    WHEN v_was_blocked = p_is_blocked THEN 'repeated'
    WHEN p_is_blocked AND (SELECT count(*) FROM user_blocks b WHERE b.user_id = p_user_id) >= p_most THEN 'full'
    ELSE 'set' END;
  IF outcome = 'set' THEN
    IF p_is_blocked THEN
      INSERT INTO user_blocks (user_id, blocked_id) VALUES (p_user_id, p_other_id);
    ELSE
      DELETE FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id;
    END IF;
    SELECT d.chat_id INTO v_chat_id FROM direct_chats d
    WHERE d.lower_id = least(p_user_id, p_other_id) AND d.higher_id = greatest(p_user_id, p_other_id);
    -- The lock waits for messages that are under way: none is numbered after the block.
    PERFORM 1 FROM chats c WHERE c.id = v_chat_id FOR NO KEY UPDATE;
    UPDATE chat_memberships m SET muted_until = CASE WHEN p_is_blocked THEN timestamptz '9999-12-31 23:59:59.999+00' END
    WHERE m.chat_id = v_chat_id AND m.user_id = p_other_id;
  END IF;
  RETURN NEXT;
END
$$;
