-- Returns the number of the newest change of a chat whose mark is below p_below; marks never fall along a chat's log. Changes up to
-- mark_base have marks of another server, which count as 0.
-- It doubles its steps down from the head and then halves them: the cost grows with the logarithm of what is newer.
CREATE OR REPLACE FUNCTION chat_seq_at(p_chat_id uuid, p_below float8)
RETURNS int
LANGUAGE plpgsql
STABLE
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
AS $$
DECLARE
  -- The changes up to v_low have lower marks; v_high has one that is not lower.
  v_low int;
  v_high int;
  v_step int := 1;
  v_middle int;
  v_seq int;
  v_mark bigint;
BEGIN
  SELECT c.mark_base, c.last_seq, c.mark INTO v_low, v_high, v_mark FROM chats c WHERE c.id = p_chat_id;
  IF NOT FOUND OR v_mark < p_below THEN
    RETURN v_high;
  END IF;
  WHILE v_high - v_low > 1 LOOP
    v_middle := v_high - v_step;
    IF v_step = 0 OR v_middle <= v_low THEN
      v_step := 0;
      v_middle := (v_low + v_high) / 2;
    END IF;
    SELECT l.seq, l.mark INTO v_seq, v_mark FROM (
      (SELECT m.seq, m.mark FROM messages m WHERE m.chat_id = p_chat_id AND m.seq <= v_middle ORDER BY m.seq DESC LIMIT 1)
      UNION ALL
      (SELECT e.seq, e.mark FROM chat_events e WHERE e.chat_id = p_chat_id AND e.seq <= v_middle ORDER BY e.seq DESC LIMIT 1)
    ) l ORDER BY l.seq DESC LIMIT 1;
    IF NOT FOUND OR v_seq <= v_low OR v_mark < p_below THEN
      v_low := v_middle;
      v_step := 0;
    ELSE
      v_high := v_seq;
      v_step := v_step * 2;
    END IF;
  END LOOP;
  RETURN v_low;
END
$$;
