-- Returns the numbers of a chat's newest messages between two others (both excluded) that have none of the flags p_without, newest
-- first. It skips runs of replies that only their threads show: the cost depends on how many runs there are, not on how long they are.
-- A short run is read, which costs less than to skip it: so a chat of short runs costs no more than one without threads.
CREATE OR REPLACE FUNCTION timeline_seqs(p_chat_id uuid, p_after int, p_before int, p_last int, p_without int)
RETURNS SETOF int
LANGUAGE plpgsql
STABLE
ROWS 50
-- Otherwise a generic plan may read and sort the whole range for each step.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_before int := p_before;
  v_last_seen int;
  v_found int := 0;
  -- The length so far of the run of replies that is being read.
  v_run int := 0;
  v_message record;
BEGIN
  LOOP
    v_last_seen := v_before;
    FOR v_message IN
      SELECT m.seq, m.flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq > p_after AND m.seq < v_before
      ORDER BY m.seq DESC LIMIT 1000
    LOOP
      v_before := v_message.seq;
      v_run := CASE WHEN v_message.flags & 2 <> 0 THEN v_run + 1 ELSE 0 END;
      IF v_message.flags & p_without = 0 THEN
        RETURN NEXT v_message.seq;
        v_found := v_found + 1;
        EXIT WHEN v_found = p_last;
      ELSIF v_run = 50 THEN
        -- Continue with the message before the run.
        v_before := least(v_before, (SELECT x.timeline_seq + 1 FROM message_extras x
          WHERE x.chat_id = p_chat_id AND x.seq = v_message.seq));
        v_run := 0;
        EXIT;
      END IF;
    END LOOP;
    EXIT WHEN v_found = p_last OR v_before = v_last_seen;
  END LOOP;
END
$$;
