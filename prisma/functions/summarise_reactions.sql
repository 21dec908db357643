-- Makes the summary of a message's reactions, if they have changed since it was made, and writes the event message.reactions.
-- Outcomes:
--   summarised   the event has the number seq
--   same         the summary has not changed; no number is taken
--   early        the last summary was made a moment ago; try again in wait_ms
--   clean        no change waits for a summary, or another process makes it
--   dropped      the message or its chat is deleted or gone, and so are its reactions
-- wait_ms is also how long the next summary has to wait: 250 ms, or 20 times as long as it took to count. So the counts of a message
-- take a twentieth of its chat's time at most, over all processes.
-- actor is the user whose reactions have changed since the last summary; null when those of several have.
--
-- Nothing is lost: the row in reaction_dirty is deleted in the transaction that makes the summary. A transaction that writes reactions
-- and has written that row already ends before it is deleted here, and is counted; one that writes it later leaves a new row.
--
-- A lock is waited for at most 100 ms; then the function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION summarise_reactions(p_chat_id uuid, p_seq int)
RETURNS TABLE (outcome text, wait_ms int, epoch text, event_seq int, at timestamptz, actor jsonb, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 100
AS $$
#variable_conflict use_column
DECLARE
  v_flags int;
  v_is_ended boolean;
  v_due timestamptz;
  v_user_id uuid;
  v_began timestamptz;
  v_summary jsonb;
  v_mark bigint;
BEGIN
  -- Once before the chat's row is locked, and once more under the lock.
  FOR i IN 1 .. 2 LOOP
    IF NOT EXISTS (SELECT 1 FROM reaction_dirty d WHERE d.chat_id = p_chat_id AND d.seq = p_seq) THEN
      outcome := 'clean';
      RETURN NEXT;
      RETURN;
    END IF;
    SELECT x.reactions_due_at INTO v_due FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = p_seq;
    wait_ms := ceil(extract(epoch FROM v_due - clock_timestamp()) * 1000);
    IF wait_ms > 0 THEN
      outcome := 'early';
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      SELECT c.deleted_at IS NOT NULL INTO v_is_ended FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    END IF;
  END LOOP;

  SELECT m.flags INTO v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = p_seq;
  IF NOT FOUND OR v_flags & 1 <> 0 OR v_is_ended THEN
    PERFORM lock_reactions(ARRAY[p_chat_id], ARRAY[p_seq], true);
    DELETE FROM reaction_dirty d WHERE d.chat_id = p_chat_id AND d.seq = p_seq;
    DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq;
    outcome := 'dropped';
    RETURN NEXT;
    RETURN;
  END IF;

  DELETE FROM reaction_dirty d WHERE d.chat_id = p_chat_id AND d.seq = p_seq RETURNING d.user_id INTO v_user_id;
  v_began := clock_timestamp();
  v_summary := reactions_as_json(p_chat_id, p_seq);
  at := clock_timestamp()::timestamptz(3);
  wait_ms := greatest(250, ceil(20000 * extract(epoch FROM clock_timestamp() - v_began)));
  v_due := clock_timestamp() + wait_ms * interval '1 ms';

  IF v_summary = coalesce((SELECT x.reactions FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = p_seq), '[]') THEN
    UPDATE message_extras x SET reactions_due_at = v_due WHERE x.chat_id = p_chat_id AND x.seq = p_seq;
    outcome := 'same';
    RETURN NEXT;
    RETURN;
  END IF;

  INSERT INTO message_extras AS x (chat_id, seq, reactions, reactions_due_at) VALUES (p_chat_id, p_seq, v_summary, v_due)
  ON CONFLICT (chat_id, seq) DO UPDATE SET reactions = v_summary, reactions_due_at = v_due;
  UPDATE messages m SET flags = m.flags | 8 WHERE m.chat_id = p_chat_id AND m.seq = p_seq AND m.flags & 8 = 0;
  SELECT n.epoch, n.seq, n.mark INTO epoch, event_seq, v_mark FROM take_number(p_chat_id) n;
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
  VALUES (p_chat_id, event_seq, v_mark, 'message.reactions', (SELECT u.id FROM users u WHERE u.id = v_user_id), p_seq, at);
  outcome := 'summarised';
  actor := (SELECT profile_as_json(u) FROM users u WHERE u.id = v_user_id);
  SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras FROM messages_as_json(ARRAY[p_chat_id], ARRAY[p_seq]) j;
  RETURN NEXT;
END
$$;
