-- Moves a user's read markers to the newest number: of these chats (null: of all chats that the user is a member of), and of the threads
-- in them that the user follows and that have newer replies. p_chat_ids has each chat once. Returns a row for each chat of which
-- something changed:
--   moved     read_seq is the marker of the main timeline now
--   threads   only markers of threads have moved
-- or one row, no_member, after which nothing has changed: the user is no member of one of the chats.
-- The locks are taken in the order of mark_read. A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and
-- writes nothing.
CREATE OR REPLACE FUNCTION mark_all_read(p_user_id uuid, p_chat_ids uuid[])
RETURNS TABLE (outcome text, chat_id uuid, read_seq int)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_chat_ids uuid[];
  v_head int;
  v_root_seqs int[];
BEGIN
  v_chat_ids := array(SELECT m.chat_id FROM unnest(p_chat_ids) AS asked (id) JOIN chat_memberships m ON m.chat_id = asked.id
    WHERE m.user_id = p_user_id AND m.left_at IS NULL AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = asked.id));
  IF cardinality(v_chat_ids) < cardinality(p_chat_ids) THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  IF p_chat_ids IS NULL THEN
    v_chat_ids := array(SELECT m.chat_id FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL);
  END IF;

  FOR chat_id IN SELECT u.id FROM unnest(v_chat_ids) AS u (id) ORDER BY u.id LOOP
    SELECT m.read_seq, c.last_seq INTO read_seq, v_head FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL;
    v_root_seqs := array(SELECT f.root_seq FROM thread_follows f
      WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.following
        AND f.read_seq < (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
          ORDER BY t.root_seq LIMIT 1));
    CONTINUE WHEN read_seq IS NULL OR (read_seq >= v_head AND cardinality(v_root_seqs) = 0);
    UPDATE chat_memberships m SET read_seq = greatest(m.read_seq, v_head), state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    CONTINUE WHEN NOT FOUND;
    UPDATE thread_follows f SET read_seq = greatest(f.read_seq, v_head), mark = pg_current_xact_id()::text::bigint
    FROM unnest(v_root_seqs) AS unread (root_seq)
    WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.root_seq = unread.root_seq;
    outcome := CASE WHEN read_seq < v_head THEN 'moved' ELSE 'threads' END;
    read_seq := greatest(read_seq, v_head);
    RETURN NEXT;
  END LOOP;
END
$$;
