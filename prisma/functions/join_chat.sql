-- A user joins a public chat, or an admin any group chat. Outcomes and columns as of add_chat_member, but
--   no_chat      also for a private chat that the user is no member of
--   signed_out   the user is not active, or the sign-in has ended
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION join_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text := chat_standing(p_chat_id, p_user_id, p_family_id);
  v_visibility visibility;
BEGIN
  IF v_standing = 'signed_out' THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  -- Who may not join waits for nobody.
  SELECT c.visibility INTO v_visibility FROM chats c WHERE c.id = p_chat_id;
  IF v_standing = 'outsider' AND v_visibility = 'public' THEN
    SELECT c.visibility INTO v_visibility FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  END IF;
  IF v_visibility IS NULL OR (v_standing = 'outsider' AND v_visibility <> 'public') THEN
    outcome := 'no_chat';
    RETURN NEXT;
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM add_chat_member(p_chat_id, p_user_id, p_user_id);
END
$$;
