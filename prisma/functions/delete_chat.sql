-- Ends a chat, on an admin's word: writes the event chat.deleted, its last. The name and the external id are free.
-- The memberships' rows stay as they are, so it takes as long for a hundred thousand members as for one. Nobody is a member of a deleted
-- chat: whoever asks for a membership asks for deleted_at too. Who was one to the end, by a row without left_at, may read the log up to
-- here for as long as it is kept.
-- p_right is as of access_refusal. Outcomes: deleted (the event has the number seq), and the refusals of lock_chat_for.
-- A deletion is an act of the audit log, chat.deleted.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_chat(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    outcome := 'deleted';
    at := clock_timestamp()::timestamptz(3);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'chat.deleted', p_actor_id, at);
    UPDATE chats c SET deleted_at = delete_chat.at, name_key = NULL, external_id = NULL, member_count = 0 WHERE c.id = p_chat_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'chat.deleted', p_chat_id, NULL);
  END IF;
  RETURN NEXT;
END
$$;
