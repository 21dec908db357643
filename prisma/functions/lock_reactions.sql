-- Locks the reactions of messages until COMMIT. Whoever writes or deletes reactions holds this lock of their message: so the limit of
-- different emoji is exact, and no two transactions wait for each other's rows. The keys are locked in ascending order; two messages
-- may have one key. A transaction locks chats and memberships before this, and reaction_dirty after it, and calls this once.
--
-- Returns the places in the arrays of the messages that are locked. With p_waits false it skips those that another transaction has
-- locked; otherwise these are all places.
CREATE OR REPLACE FUNCTION lock_reactions(p_chat_ids uuid[], p_seqs int[], p_waits boolean)
RETURNS int[]
LANGUAGE plpgsql
AS $$
DECLARE
  v_key int;
  v_places int[];
  v_locked int[] := '{}';
BEGIN
  FOR v_key, v_places IN
    SELECT hashtext(g.chat_id || ' ' || g.seq), array_agg(g.place::int)
    FROM unnest(p_chat_ids, p_seqs) WITH ORDINALITY AS g (chat_id, seq, place)
    WHERE g.seq IS NOT NULL GROUP BY 1 ORDER BY 1
  LOOP
    IF p_waits THEN
      -- The first number keeps these locks apart from those of take_created_seq.
      PERFORM pg_advisory_xact_lock(72707374, v_key);
    ELSIF NOT pg_try_advisory_xact_lock(72707374, v_key) THEN
      CONTINUE;
    END IF;
    v_locked := v_locked || v_places;
  END LOOP;
  RETURN v_locked;
END
$$;
