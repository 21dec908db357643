-- Reports a message to the moderators, with a copy of what it says now. p_right is as of lock_chat_for. Outcomes:
--   reported
--   repeated     the user has reported the message, and the report is open; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted: there is nothing to copy
--   and the refusals of lock_chat_for
-- id is that of the report. The message's chat is locked, so that the copy is of one revision.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION report_message(p_chat_id uuid, p_message_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_reason text, p_note text)
RETURNS TABLE (outcome text, id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_seq int;
  v_sender_id uuid;
  v_content text;
  v_flags int;
BEGIN
  SELECT l.outcome INTO outcome FROM lock_chat_for(p_chat_id, p_user_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    v_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id, m.content, m.flags INTO v_sender_id, v_content, v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
    SELECT r.id INTO id FROM reports r
    WHERE r.chat_id = p_chat_id AND r.message_id = p_message_id AND r.reporter_id = p_user_id AND r.resolved_at IS NULL;
    outcome := CASE
      WHEN v_sender_id IS NULL THEN 'no_message'
      WHEN id IS NOT NULL THEN 'repeated'
      WHEN v_flags & 1 = 1 THEN 'is_deleted'
      ELSE 'reported' END;
  END IF;
  IF outcome = 'reported' THEN
    id := p_id;
    INSERT INTO reports (id, chat_id, message_id, content, revision, sender_id, reporter_id, reason, note)
    SELECT p_id, p_chat_id, p_message_id, v_content,
      coalesce((SELECT x.revision FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = v_seq), 0), v_sender_id, p_user_id, p_reason, p_note;
  END IF;
  RETURN NEXT;
END
$$;
