-- Returns in seqs the numbers of the oldest p_most messages of a chat that count as unread behind the number p_after: of the main
-- timeline, not deleted, and not the user's own. p_head is the chat's newest number.
--
-- scanned_to is the number up to which seqs is all of them. It is p_head, or the last of seqs when there are p_most, or less when more
-- than p_most_rows rows had to be read; rows_read says how many were. Runs of replies that only their threads show are skipped. The
-- user's own messages and deleted ones are read: nothing says where a run of them ends.
CREATE OR REPLACE FUNCTION unread_seqs(p_chat_id uuid, p_user_id uuid, p_after int, p_head int, p_most int, p_most_rows int,
  OUT seqs int[], OUT scanned_to int, OUT rows_read int)
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  v_length int := p_most + 50;
  v_found int[];
  v_count int;
  v_last int;
BEGIN
  seqs := '{}';
  scanned_to := p_after;
  rows_read := 0;
  WHILE scanned_to < p_head AND rows_read < p_most_rows LOOP
    SELECT array_agg(part.seq ORDER BY part.seq) FILTER (WHERE part.flags & 3 = 0 AND part.sender_id <> p_user_id), count(*), max(part.seq)
      INTO v_found, v_count, v_last
    FROM (SELECT m.seq, m.flags, m.sender_id FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq > scanned_to AND m.seq <= p_head ORDER BY m.seq LIMIT v_length) part;
    rows_read := rows_read + v_count;
    seqs := seqs || v_found;
    IF cardinality(seqs) >= p_most THEN
      seqs := seqs[1:p_most];
      scanned_to := seqs[p_most];
      RETURN;
    END IF;
    scanned_to := CASE WHEN v_count < v_length THEN p_head ELSE thread_run_end(p_chat_id, v_last, p_head) END;
    v_length := 1000;
  END LOOP;
END
$$;
