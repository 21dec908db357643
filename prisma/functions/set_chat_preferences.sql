-- Sets how a chat is shown to a member. p_notify is null for the default; p_sets_notify false and p_hidden null leave what is. Outcomes:
--   set         something changed
--   same        all of it was so before
--   no_chat, no_member   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_preferences(p_user_id uuid, p_chat_id uuid, p_sets_notify boolean, p_notify notify, p_hidden boolean)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_notify notify;
  v_hidden boolean;
BEGIN
  SELECT CASE WHEN p_sets_notify THEN p_notify ELSE m.notify END, coalesce(p_hidden, m.hidden),
      CASE WHEN (p_sets_notify AND p_notify IS DISTINCT FROM m.notify) OR p_hidden <> m.hidden THEN 'set' ELSE 'same' END
    INTO v_notify, v_hidden, outcome
  FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL FOR NO KEY UPDATE OF m;
  IF NOT FOUND THEN
    outcome := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'group' AND c.deleted_at IS NULL) THEN 'no_member' ELSE 'no_chat' END;
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET notify = v_notify, hidden = v_hidden, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  RETURN NEXT;
END
$$;
