-- AlterTable
ALTER TABLE "message_extras" ADD COLUMN     "reactions_due_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "reaction_dirty" ADD COLUMN     "user_id" UUID;

-- Deletes the reactions of messages of a chat, for messages that are deleted. The caller has locked the chat's row. Reactions of
-- transactions that are not committed yet are dropped by summarise_reactions, which finds the message deleted.
CREATE OR REPLACE FUNCTION drop_reactions(p_chat_id uuid, p_seqs int[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_seqs int[] := ARRAY(SELECT s FROM unnest(p_seqs) AS s
    WHERE EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = s));
BEGIN
  IF cardinality(v_seqs) > 0 THEN
    PERFORM lock_reactions(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs, true);
    DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = ANY (v_seqs);
  END IF;
END
$$;

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

-- Adds reactions of any users to any messages, and removes them. Returns a row for each, in the order given. Outcomes:
--   done          the reaction is there now, or is gone now
--   repeated      it was there already, or was not there; nothing changes
--   unreachable   there is no such chat, or the user is not active, or is neither a member nor an admin
--   role          the user's role in the chat is lower than p_needs (chats/rights.ts)
--   no_message    the chat has no message with this id
--   deleted       the message is deleted
--   full          the message has p_max_emoji different emoji, and this would be one more
--   busy          only with p_waits false: another transaction has locked the user's membership or the message's reactions
-- message and extras are of messages_as_json, with the reactions as their rows are now; null but in the first row of each message.
--
-- The chats are not locked. The memberships are, FOR SHARE: a removal, or a change of the role, that is committed first is seen, and
-- one that comes later waits for this transaction. The locks are taken in one order, which is that of every transaction here: chats,
-- memberships by chat and user, lock_reactions, reaction_dirty by key.
--
-- A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION react(p_chat_ids uuid[], p_message_ids uuid[], p_user_ids uuid[], p_emoji text[], p_adds boolean[], p_needs chat_role, p_max_emoji int, p_waits boolean)
RETURNS TABLE (outcome text, chat_id uuid, seq int, message jsonb, extras jsonb)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_count int := cardinality(p_chat_ids);
  v_outcomes text[] := array_fill(NULL::text, ARRAY[v_count]);
  v_seqs int[] := array_fill(NULL::int, ARRAY[v_count]);
  v_locked int[];
  i int;
  v_role chat_role;
  v_is_admin boolean;
  v_is_active boolean;
  v_flags int;
  v_changed boolean;
BEGIN
  FOR i IN SELECT g.place FROM unnest(p_chat_ids, p_user_ids) WITH ORDINALITY AS g (chat_id, user_id, place) ORDER BY g.chat_id, g.user_id
  LOOP
    SELECT m.role INTO v_role FROM chat_memberships m
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL)
    THEN
      IF NOT p_waits THEN
        v_outcomes[i] := 'busy';
        CONTINUE;
      END IF;
      SELECT m.role INTO v_role FROM chat_memberships m
      WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE;
    END IF;
    SELECT u.is_active, u.role = 'admin' INTO v_is_active, v_is_admin FROM users u WHERE u.id = p_user_ids[i];
    IF v_is_active IS NOT TRUE OR (v_role IS NULL AND NOT v_is_admin) THEN
      v_outcomes[i] := 'unreachable';
    ELSIF v_role < p_needs AND NOT v_is_admin THEN
      v_outcomes[i] := 'role';
    ELSE
      v_seqs[i] := message_seq_of(p_chat_ids[i], p_message_ids[i]);
      IF v_seqs[i] IS NULL THEN
        v_outcomes[i] := CASE WHEN v_role IS NULL AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_ids[i])
          THEN 'unreachable' ELSE 'no_message' END;
      END IF;
    END IF;
  END LOOP;

  v_locked := lock_reactions(p_chat_ids, v_seqs, p_waits);

  FOR i IN
    SELECT g.place FROM unnest(p_chat_ids, v_seqs) WITH ORDINALITY AS g (chat_id, seq, place)
    WHERE g.seq IS NOT NULL ORDER BY g.chat_id, g.seq, g.place
  LOOP
    IF NOT p_waits AND NOT i = ANY (v_locked) THEN
      v_outcomes[i] := 'busy';
      CONTINUE;
    END IF;
    SELECT m.flags INTO v_flags FROM messages m WHERE m.chat_id = p_chat_ids[i] AND m.seq = v_seqs[i];
    IF v_flags & 1 <> 0 THEN
      v_outcomes[i] := 'deleted';
    ELSIF p_adds[i] THEN
      IF EXISTS (SELECT 1 FROM reactions r
        WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i] AND r.user_id = p_user_ids[i])
      THEN
        v_outcomes[i] := 'repeated';
      ELSIF NOT EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i])
        AND reaction_emoji_count(p_chat_ids[i], v_seqs[i]) >= p_max_emoji
      THEN
        v_outcomes[i] := 'full';
      ELSE
        INSERT INTO reactions (chat_id, seq, emoji, user_id, at)
        VALUES (p_chat_ids[i], v_seqs[i], p_emoji[i], p_user_ids[i], clock_timestamp());
        v_outcomes[i] := 'done';
      END IF;
    ELSE
      DELETE FROM reactions r
      WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i] AND r.user_id = p_user_ids[i];
      v_outcomes[i] := CASE WHEN FOUND THEN 'done' ELSE 'repeated' END;
    END IF;
  END LOOP;

  RETURN QUERY
    SELECT g.outcome, g.chat_id, g.seq, shown.message,
      coalesce(shown.extras, '{}') || jsonb_build_object('reactions', CASE WHEN g.shows THEN reactions_as_json(g.chat_id, g.seq) END)
    FROM (
      SELECT u.outcome, u.chat_id, u.seq, u.place, u.outcome IN ('done', 'repeated')
        AND row_number() OVER (PARTITION BY u.chat_id, u.seq, u.outcome IN ('done', 'repeated') ORDER BY u.place) = 1 AS shows
      FROM unnest(v_outcomes, p_chat_ids, v_seqs) WITH ORDINALITY AS u (outcome, chat_id, seq, place)) g
    -- Of no chat, it reads nothing.
    LEFT JOIN LATERAL messages_as_json(CASE WHEN g.shows THEN ARRAY[g.chat_id] ELSE ARRAY[]::uuid[] END, ARRAY[g.seq]) shown
      ON true
    ORDER BY g.place;

  -- Last, so that the summariser, which locks the chat, waits for little more than the COMMIT.
  INSERT INTO reaction_dirty AS d (chat_id, seq, user_id)
  SELECT g.chat_id, g.seq, CASE WHEN count(DISTINCT g.user_id) = 1 THEN (array_agg(g.user_id))[1] END
  FROM unnest(v_outcomes, p_chat_ids, v_seqs, p_user_ids) AS g (outcome, chat_id, seq, user_id)
  WHERE g.outcome = 'done' GROUP BY g.chat_id, g.seq ORDER BY g.chat_id, g.seq
  ON CONFLICT (chat_id, seq) DO UPDATE
    SET n = d.n + 1, user_id = CASE WHEN d.user_id = excluded.user_id THEN d.user_id END;
END
$$;

-- Returns how many different emoji a message's reactions have. Reads one row of each, not every reaction.
CREATE OR REPLACE FUNCTION reaction_emoji_count(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE sql
STABLE
AS $$
  WITH RECURSIVE found (emoji) AS (
    (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq ORDER BY r.emoji LIMIT 1)
    UNION ALL
    SELECT (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq AND r.emoji > f.emoji ORDER BY r.emoji LIMIT 1)
    FROM found f WHERE f.emoji IS NOT NULL)
  SELECT count(emoji)::int FROM found
$$;

-- Returns the summary of a message's reactions, counted from the rows: for each emoji, in the order of the first reactions, the count
-- and the ids of at most 20 users, those who reacted last first (MAX_SUMMARY_USERS in src/domain/log/chat-message.ts). An empty array
-- when there are none.
CREATE OR REPLACE FUNCTION reactions_as_json(p_chat_id uuid, p_seq int)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('emoji', e.emoji, 'count', e.count, 'users', to_jsonb(e.users)) ORDER BY e.first_at, e.emoji), '[]')
  FROM (
    SELECT r.emoji, count(*) AS count, min(r.at) AS first_at, (array_agg(r.user_id ORDER BY r.at DESC, r.user_id DESC))[1:20] AS users
    FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq GROUP BY r.emoji) e
$$;

-- Makes the summary of a message's reactions, if they have changed since it was made, and writes the event message.reactions.
-- Outcomes:
--   summarised   the event has the number seq
--   same         the summary has not changed; no number is taken
--   early        the last summary was made a moment ago; try again in wait_ms
--   clean        no change waits for a summary, or another process makes it
--   dropped      the message is deleted or gone, and so are its reactions
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
      PERFORM 1 FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    END IF;
  END LOOP;

  SELECT m.flags INTO v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = p_seq;
  IF NOT FOUND OR v_flags & 1 <> 0 THEN
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

-- Deletes messages of a chat, and writes an event message.deleted for each, in the order of their numbers. p_needs is the lowest role
-- that deletes its own messages, p_needs_for_others the lowest that deletes everybody's (chats/rights.ts). The ids are different.
-- Returns a row for each message, in the order given. Outcomes:
--   deleted      the event has the number seq
--   repeated     the message was deleted before; it takes no number
-- or one row for all, after which nothing has changed:
--   no_message   the chat lacks one of the messages
--   not_yours    another user sent one of them
--   and the refusals of lock_chat_for
-- What was said goes with its former versions, mentions, metadata, reactions and pin. The message's place stays, in its thread too. The
-- nonce stays, so that a repeated send is not stored again.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_messages(p_chat_id uuid, p_message_ids uuid[], p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_seqs int[];
  -- The numbers of those that are not deleted yet, in their order.
  v_new int[];
  -- The number before those of the events.
  v_before int;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT array_agg(message_seq_of(p_chat_id, asked.id) ORDER BY asked.place) INTO v_seqs
    FROM unnest(p_message_ids) WITH ORDINALITY AS asked (id, place);
    outcome := CASE
      WHEN array_position(v_seqs, NULL) IS NOT NULL THEN 'no_message'
      WHEN v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others AND EXISTS (SELECT 1 FROM messages m
        WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_seqs) AND m.sender_id <> p_actor_id) THEN 'not_yours'
      ELSE 'deleted' END;
  END IF;
  IF outcome <> 'deleted' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  SELECT array_agg(m.seq ORDER BY m.seq) INTO v_new
  FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_seqs) AND m.flags & 1 = 0;
  IF v_new IS NOT NULL THEN
    SELECT n.seq - cardinality(v_new), n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, cardinality(v_new)) n;
    -- Of the flags, the places in the timeline and in threads stay.
    UPDATE messages m SET content = '', flags = (m.flags & 6) | 9 WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_new);
    INSERT INTO message_extras AS x (chat_id, seq, deleted_at, deleted_by_id)
    SELECT p_chat_id, gone.seq, delete_messages.at, p_actor_id FROM unnest(v_new) AS gone (seq)
    ON CONFLICT (chat_id, seq) DO UPDATE
      SET deleted_at = excluded.deleted_at, deleted_by_id = excluded.deleted_by_id, mention_all = false, metadata = NULL,
        reactions = NULL, pinned_at = NULL, pinned_by_id = NULL;
    DELETE FROM message_revisions r WHERE r.chat_id = p_chat_id AND r.seq = ANY (v_new);
    DELETE FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = ANY (v_new);
    PERFORM drop_reactions(p_chat_id, v_new);
    UPDATE threads t SET reply_count = t.reply_count - gone.replies,
      last_reply_seq = coalesce((SELECT x.seq FROM message_extras x
        WHERE x.chat_id = t.chat_id AND x.thread_root_seq = t.root_seq AND x.deleted_at IS NULL ORDER BY x.seq DESC LIMIT 1), 0)
    FROM (SELECT x.thread_root_seq AS root_seq, count(*)::int AS replies FROM message_extras x
      WHERE x.chat_id = p_chat_id AND x.seq = ANY (v_new) AND x.thread_root_seq IS NOT NULL GROUP BY x.thread_root_seq) gone
    WHERE t.chat_id = p_chat_id AND t.root_seq = gone.root_seq;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    SELECT p_chat_id, v_before + gone.place, v_mark, 'message.deleted', p_actor_id, gone.seq, delete_messages.at
    FROM unnest(v_new) WITH ORDINALITY AS gone (seq, place);
  END IF;

  RETURN QUERY
  SELECT CASE WHEN gone.place IS NULL THEN 'repeated' ELSE 'deleted' END, epoch, (v_before + gone.place)::int, at,
    j.chat_id, j.message, j.extras
  FROM unnest(v_seqs) WITH ORDINALITY AS asked (seq, place)
  JOIN messages_as_json(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs) j ON (j.message ->> 'seq')::int = asked.seq
  LEFT JOIN unnest(v_new) WITH ORDINALITY AS gone (seq, place) ON gone.seq = asked.seq
  ORDER BY asked.place;
END
$$;
