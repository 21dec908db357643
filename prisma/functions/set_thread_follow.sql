-- Makes a member follow the thread of a message, or stop. Takes no number: it is the member's own state. Outcomes:
--   set          the membership's state_mark is this transaction's
--   same         it was so before; nothing changes
--   no_member    the user is no member of the chat
--   no_thread    the chat has no such message, or it has no replies
-- Who follows for the first time has read everything that is there.
-- The function waits at most 1 s for a row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_thread_follow(p_chat_id uuid, p_message_id uuid, p_user_id uuid, p_follow boolean)
RETURNS TABLE (outcome text, root_seq int)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_head int;
BEGIN
  SELECT c.last_seq INTO v_head FROM chats c JOIN chat_memberships m ON m.chat_id = c.id
  WHERE c.id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL FOR NO KEY UPDATE OF m;
  IF NOT FOUND THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT t.root_seq, CASE WHEN coalesce(f.following, false) = p_follow THEN 'same' ELSE 'set' END INTO root_seq, outcome
  FROM threads t LEFT JOIN thread_follows f ON f.user_id = p_user_id AND f.chat_id = t.chat_id AND f.root_seq = t.root_seq
  WHERE t.chat_id = p_chat_id AND t.root_seq = message_seq_of(p_chat_id, p_message_id);
  IF NOT FOUND THEN
    outcome := 'no_thread';
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET state_mark = pg_current_xact_id()::text::bigint WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    IF p_follow THEN
      PERFORM follow_thread(p_chat_id, set_thread_follow.root_seq, ARRAY[p_user_id], v_head);
    ELSE
      UPDATE thread_follows f SET following = false, mark = pg_current_xact_id()::text::bigint
      WHERE f.user_id = p_user_id AND f.chat_id = p_chat_id AND f.root_seq = set_thread_follow.root_seq AND f.following;
    END IF;
  END IF;
  RETURN NEXT;
END
$$;
