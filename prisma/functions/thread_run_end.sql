-- Returns a number from p_seq to p_head up to which all messages behind p_seq are replies that only their threads show. p_seq is the
-- number of a message; when that is such a reply, the run of them that it is in ends at most 1,000 numbers behind the result. Reads two
-- rows for each doubling of the run's length, not the run.
CREATE OR REPLACE FUNCTION thread_run_end(p_chat_id uuid, p_seq int, p_head int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  -- All messages of the run have the same newest message of the main timeline before them, and those behind it have another.
  v_timeline int := timeline_seq_at(p_chat_id, p_seq);
  v_end int := p_seq;
  v_step int := 1000;
  v_behind int;
  v_probe int;
BEGIN
  IF v_timeline = p_seq THEN
    RETURN p_seq;
  END IF;
  WHILE v_behind IS NULL AND v_end < p_head LOOP
    v_probe := CASE WHEN p_head - v_end < v_step THEN p_head ELSE v_end + v_step END;
    IF timeline_seq_at(p_chat_id, v_probe) = v_timeline THEN
      v_end := v_probe;
      v_step := least(v_step, 1000000000) * 2;
    ELSE
      v_behind := v_probe;
    END IF;
  END LOOP;
  WHILE v_behind - v_end > 1000 LOOP
    v_probe := v_end + (v_behind - v_end) / 2;
    IF timeline_seq_at(p_chat_id, v_probe) = v_timeline THEN
      v_end := v_probe;
    ELSE
      v_behind := v_probe;
    END IF;
  END LOOP;
  RETURN v_end;
END
$$;
