-- AlterTable
ALTER TABLE "message_extras" ALTER COLUMN "revision" SET DATA TYPE INTEGER;

-- AlterTable
ALTER TABLE "message_revisions" ALTER COLUMN "revision" SET DATA TYPE INTEGER;

-- Appends messages of any senders to any chats. Returns a row for each message, in the order given. Outcomes:
--   created        stored with the next number of its chat
--   repeated       the sender sent it to this chat before, with this nonce; the row is the earlier message, edited or deleted since or not
--   nonce_reused   as repeated, but the content differs and is that which was sent
--   unreachable    there is no such chat, or the sender is not active, or is neither a member nor an admin
--   role           the sender's role in the chat is lower than p_needs (chats/rights.ts)
--   busy           only with p_lock_wait_ms = 0: another transaction has locked the row of the chat or of a sender
--
-- p_lock_wait_ms: how long to wait for a chat's row, in milliseconds. After that the statement fails with SQLSTATE 55P03 and
-- writes nothing. With 0 it skips locked rows.
--
-- The messages must be in the order of their chats' ids. Chats are locked in that order, so two batches never wait for each
-- other, and each chat's row is written once. The UPDATE that takes a chat's numbers locks its row until COMMIT, so numbers
-- are dense and become visible in their order. It also raises the chat's mark as take_number does; each message stores the mark.
--
-- The last 8 hexadecimal digits of each id are replaced by the message's number, so that chat and id give the row's primary key.
--
-- The function is in PL/pgSQL because each of its statements takes a snapshot of its own: a read after a wait for a lock sees what
-- the lock's previous holder committed.
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[], p_lock_wait_ms int, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 50
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3) := clock_timestamp();
  v_waited interval;
  -- Of each message, as read at the beginning: its chat's last_seq, whether its sender may write, whether its nonce is known.
  v_seen int[];
  v_allowed boolean[];
  v_known boolean[];
  -- Every message of the batch may be written and is new, as read at the beginning: nearly always.
  v_all_new boolean := true;
  v_chat uuid;
  -- Places in the batch: of the first message of the next chat, and of the message that took this chat's numbers.
  v_next int := 1;
  v_first int;
  v_is_busy boolean;
  -- What was read at the beginning still holds.
  v_holds boolean;
  v_last_seq int;
  v_may boolean;
  v_reads boolean;
  v_repeats boolean;
  v_epoch text;
  v_mark bigint;
  -- How many numbers were asked for, the last of them, and the last that a message got.
  v_wanted int;
  v_taken int;
  v_head int;
BEGIN
  IF p_lock_wait_ms NOT IN (0, 50) THEN
    PERFORM set_config('lock_timeout', p_lock_wait_ms::text, true);
  END IF;
  IF cardinality(p_ids) <= 4 THEN
    -- A few cost less one by one.
    FOR j IN 1 .. cardinality(p_ids) LOOP
      SELECT c.last_seq, u.is_active AND (u.role = 'admin' OR EXISTS (
          SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = u.id AND m.left_at IS NULL AND m.role >= p_needs)),
        (SELECT true FROM messages e WHERE e.chat_id = c.id AND e.sender_id = u.id AND e.nonce = p_nonces[j])
        INTO v_last_seq, v_may, v_repeats
      FROM users u, chats c WHERE u.id = p_sender_ids[j] AND c.id = p_chat_ids[j];
      v_seen[j] := v_last_seq;
      v_allowed[j] := v_may;
      v_known[j] := v_repeats;
      v_all_new := v_all_new AND v_may IS TRUE AND v_repeats IS NULL;
    END LOOP;
  ELSE
    -- Subqueries of one row each: the planner cannot join whole tables.
    SELECT array_agg(s.last_seq), array_agg(s.allowed), array_agg(s.known), bool_and(s.allowed IS TRUE AND s.known IS NULL)
      INTO v_seen, v_allowed, v_known, v_all_new
    FROM (
      SELECT (SELECT c.last_seq FROM chats c WHERE c.id = g.chat_id) AS last_seq,
             (SELECT u.is_active AND (u.role = 'admin' OR (
                SELECT true FROM chat_memberships m
                WHERE m.chat_id = g.chat_id AND m.user_id = g.sender_id AND m.left_at IS NULL AND m.role >= p_needs))
              FROM users u WHERE u.id = g.sender_id) AS allowed,
             (SELECT true FROM messages e
              WHERE e.chat_id = g.chat_id AND e.sender_id = g.sender_id AND e.nonce = g.nonce) AS known
      FROM unnest(p_chat_ids, p_sender_ids, p_nonces) WITH ORDINALITY AS g (chat_id, sender_id, nonce, place)
      ORDER BY g.place OFFSET 0) s;
  END IF;

  FOR i IN 1 .. cardinality(p_ids) LOOP
    IF i = v_next THEN
      IF v_head <> v_taken THEN
        UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
      END IF;
      v_chat := p_chat_ids[i];
      v_next := i + 1;
      WHILE p_chat_ids[v_next] = v_chat LOOP
        v_next := v_next + 1;
      END LOOP;
      v_taken := NULL;
      v_is_busy := false;
    END IF;

    -- A message that was refused at the beginning, or repeats another, takes no number.
    v_may := v_allowed[i];
    IF v_taken IS NULL AND v_may AND v_known[i] IS NULL AND v_seen[i] IS NOT NULL THEN
      IF p_lock_wait_ms = 0 AND NOT v_is_busy THEN
        PERFORM 1 FROM chats c WHERE c.id = v_chat FOR NO KEY UPDATE SKIP LOCKED;
        v_is_busy := NOT FOUND;
        -- A message holds its sender's row against its deletion.
        FOR j IN i .. v_next - 1 LOOP
          EXIT WHEN v_is_busy;
          PERFORM 1 FROM users u WHERE u.id = p_sender_ids[j] FOR KEY SHARE SKIP LOCKED;
          v_is_busy := NOT FOUND AND EXISTS (SELECT 1 FROM users u WHERE u.id = p_sender_ids[j]);
        END LOOP;
      END IF;
      -- What follows in a busy chat is busy too: it must not overtake.
      IF v_is_busy THEN
        RETURN QUERY SELECT 'busy', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
        CONTINUE;
      END IF;
      -- Messages of this chat that were refused at the beginning ask for no number. Where that has changed since, the chat's
      -- row is written once more below.
      v_wanted := v_next - i;
      IF NOT v_all_new THEN
        FOR j IN i + 1 .. v_next - 1 LOOP
          IF v_allowed[j] IS NOT TRUE OR v_known[j] THEN
            v_wanted := v_wanted - 1;
          END IF;
        END LOOP;
      END IF;
      UPDATE chats c SET last_seq = c.last_seq + v_wanted, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
      WHERE c.id = v_chat
      RETURNING c.epoch, c.mark, c.last_seq, c.last_seq - v_wanted INTO v_epoch, v_mark, v_taken, v_head;
      -- Memberships and nonces change only together with last_seq. Whether a user is active does not, so after a long wait it
      -- is read again.
      v_waited := clock_timestamp() - v_now;
      v_now := clock_timestamp();
      v_holds := v_head = v_seen[i] AND v_waited < '5 ms';
      v_first := i;
    END IF;

    IF v_taken IS NOT NULL AND v_holds IS NOT TRUE THEN
      SELECT u.is_active AND (u.role = 'admin' OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = u.id AND m.left_at IS NULL AND m.role >= p_needs)) INTO v_may
      FROM users u WHERE u.id = p_sender_ids[i];
    END IF;
    -- A member whose role is too low reads the chat, and so may learn that an earlier send was stored.
    IF v_may IS NOT TRUE THEN
      v_reads := EXISTS (
        SELECT 1 FROM chat_memberships m JOIN users u ON u.id = m.user_id
        WHERE m.chat_id = v_chat AND m.user_id = p_sender_ids[i] AND m.left_at IS NULL AND u.is_active);
    END IF;
    nonce := p_nonces[i];
    -- The nonce of the message that took the numbers is known to be new. Others may repeat one before them in the batch.
    IF (v_may OR v_reads) AND nonce IS NOT NULL AND NOT (v_taken IS NOT NULL AND v_holds AND i = v_first) THEN
      SELECT c.epoch, e.seq, e.id, e.content, e.created_at INTO epoch, seq, id, content, created_at
      FROM messages e JOIN chats c ON c.id = e.chat_id
      WHERE e.chat_id = v_chat AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        -- What was sent is not known any more once the message is edited or deleted: then the nonce decides.
        outcome := CASE WHEN content = p_contents[i] OR EXISTS (SELECT 1 FROM message_extras x
          WHERE x.chat_id = v_chat AND x.seq = append_messages.seq AND (x.revision > 0 OR x.deleted_at IS NOT NULL))
          THEN 'repeated' ELSE 'nonce_reused' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;
    IF v_taken IS NULL OR v_may IS NOT TRUE THEN
      RETURN QUERY SELECT CASE WHEN v_may IS NOT TRUE AND v_reads THEN 'role' ELSE 'unreachable' END,
        NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
      CONTINUE;
    END IF;

    v_head := v_head + 1;
    outcome := 'created';
    epoch := v_epoch;
    seq := v_head;
    id := (left(p_ids[i]::text, 28) || lpad(to_hex(v_head), 8, '0'))::uuid;
    content := p_contents[i];
    created_at := v_now;
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at, mark)
    VALUES (v_chat, v_head, id, p_sender_ids[i], p_contents[i], p_nonces[i], v_now, v_mark);
    RETURN NEXT;
  END LOOP;

  IF v_head <> v_taken THEN
    UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
  END IF;
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
    DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = ANY (v_new);
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

-- Gives a message other words, mentions or metadata, and writes the event message.edited. p_needs is the lowest role that may do it
-- (chats/rights.ts). p_mentions and p_metadata are null for what stays; an empty list and a JSON null take away. Outcomes:
--   edited       the event has the number seq
--   repeated     the message has all of it already; nothing changes
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   is_deleted   the message is deleted
--   revision     the message was edited since p_revision
--   mention      somebody whom the edit adds is no member of the chat
--   window       the message was sent more than p_window_seconds ago; null for no end
--   rate         the message was edited 10 times within a minute; the next edit may come after retry_after_ms
--   and the refusals of lock_chat_for
-- The former words go to message_revisions, which keeps the newest 100. A mention that stays keeps the number at which it was added.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION edit_message(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_content text,
  p_revision int, p_mentions uuid[], p_metadata jsonb, p_window_seconds int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, retry_after_ms int, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_message_seq int;
  v_sender_id uuid;
  v_content text;
  v_created timestamptz;
  v_is_deleted boolean;
  v_revision int;
  v_edited timestamptz;
  v_metadata jsonb;
  v_new_metadata jsonb;
  v_thread int;
  v_mentions uuid[];
  v_added uuid[];
  -- When the tenth newest edit was made.
  v_tenth timestamptz;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id, m.content, m.created_at, m.flags & 1 <> 0,
        coalesce(x.revision, 0), coalesce(x.edited_at, m.created_at), x.metadata, x.thread_root_seq
      INTO v_sender_id, v_content, v_created, v_is_deleted, v_revision, v_edited, v_metadata, v_thread
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    SELECT coalesce(array_agg(n.user_id ORDER BY n.place), '{}') INTO v_mentions
    FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq;
    v_new_metadata := CASE WHEN p_metadata IS NULL THEN v_metadata WHEN p_metadata <> 'null' THEN p_metadata END;
    SELECT coalesce(array_agg(wanted.id), '{}') INTO v_added
    FROM unnest(p_mentions) AS wanted (id) WHERE wanted.id <> ALL (v_mentions);
    SELECT r.at INTO v_tenth FROM message_revisions r
    WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision = v_revision - 9 AND r.revision > 0;
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_sender_id <> p_actor_id THEN 'not_yours'
      WHEN v_is_deleted THEN 'is_deleted'
      WHEN v_revision <> p_revision THEN 'revision'
      WHEN v_content = p_content AND coalesce(p_mentions, v_mentions) = v_mentions AND v_new_metadata IS NOT DISTINCT FROM v_metadata THEN 'repeated'
      WHEN EXISTS (SELECT 1 FROM unnest(v_added) AS added (id) WHERE NOT EXISTS (SELECT 1 FROM chat_memberships m
        WHERE m.chat_id = p_chat_id AND m.user_id = added.id AND m.left_at IS NULL)) THEN 'mention'
      WHEN at > v_created + make_interval(secs => p_window_seconds) THEN 'window'
      WHEN v_tenth > at - interval '1 minute' THEN 'rate'
      ELSE 'edited' END;
  END IF;

  IF outcome = 'rate' THEN
    retry_after_ms := ceil(extract(epoch FROM v_tenth + interval '1 minute' - at) * 1000);
  ELSIF outcome = 'edited' THEN
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO message_revisions (chat_id, seq, revision, content, at, editor_id)
    VALUES (p_chat_id, v_message_seq, v_revision, v_content, v_edited, v_sender_id);
    DELETE FROM message_revisions r
    WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision <= v_revision - 100;
    UPDATE messages m SET content = p_content, flags = m.flags | 8 WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    INSERT INTO message_extras AS x (chat_id, seq, revision, edited_at, metadata)
    VALUES (p_chat_id, v_message_seq, v_revision + 1, edit_message.at, v_new_metadata)
    ON CONFLICT (chat_id, seq) DO UPDATE
      SET revision = excluded.revision, edited_at = excluded.edited_at, metadata = excluded.metadata;
    IF p_mentions IS NOT NULL THEN
      DELETE FROM mentions n
      WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq AND n.user_id <> ALL (p_mentions);
      UPDATE mentions n SET place = wanted.place
      FROM unnest(p_mentions) WITH ORDINALITY AS wanted (id, place)
      WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq AND n.user_id = wanted.id AND n.place <> wanted.place;
      INSERT INTO mentions (user_id, chat_id, at_seq, message_seq, place, at)
      SELECT wanted.id, p_chat_id, edit_message.seq, v_message_seq, wanted.place, edit_message.at
      FROM unnest(p_mentions) WITH ORDINALITY AS wanted (id, place) WHERE wanted.id = ANY (v_added);
    END IF;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    VALUES (p_chat_id, seq, v_mark, 'message.edited', p_actor_id, v_message_seq, at);
  END IF;
  IF outcome IN ('edited', 'repeated') THEN
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;

-- Drops what the earlier versions of a message said. p_needs is the lowest role that does it to its own messages, p_needs_for_others the
-- lowest that does it to everybody's (chats/rights.ts). It is no event: what others see of the chat does not change. Outcomes:
--   forgotten    also when there was nothing to drop
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION forget_history(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_message_seq int;
  v_sender_id uuid;
BEGIN
  SELECT l.outcome, l.standing INTO outcome, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id INTO v_sender_id FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_sender_id <> p_actor_id AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      ELSE 'forgotten' END;
  END IF;
  IF outcome = 'forgotten' THEN
    -- The rows stay: edits within a minute are counted.
    UPDATE message_revisions r SET content = NULL
    WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.content IS NOT NULL;
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;

-- Pins a message in its chat or unpins it, and writes the event message.pinned or message.unpinned. p_needs is the lowest role that may
-- do it (chats/rights.ts). Outcomes:
--   changed      the event has the number seq
--   repeated     the message is pinned, or is not, already; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted, and cannot be pinned
--   full         the chat has p_max pins
--   and the refusals of lock_chat_for
-- No two pins of a chat have the same time, so their order is exact.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_pin(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_pinned boolean,
  p_max int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_message_seq int;
  v_is_deleted boolean;
  v_is_pinned boolean;
  v_pins int;
  v_newest timestamptz;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.flags & 1 <> 0, x.pinned_at IS NOT NULL INTO v_is_deleted, v_is_pinned
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    SELECT count(*), max(x.pinned_at) INTO v_pins, v_newest
    FROM message_extras x WHERE x.chat_id = p_chat_id AND x.pinned_at IS NOT NULL;
    at := greatest(clock_timestamp(), v_newest + interval '1 ms')::timestamptz(3);
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_is_pinned = p_pinned THEN 'repeated'
      WHEN v_is_deleted THEN 'is_deleted'
      WHEN p_pinned AND v_pins >= p_max THEN 'full'
      ELSE 'changed' END;
  END IF;
  IF outcome = 'changed' THEN
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    UPDATE messages m SET flags = m.flags | 8 WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq AND m.flags & 8 = 0;
    INSERT INTO message_extras AS x (chat_id, seq, pinned_at, pinned_by_id)
    VALUES (p_chat_id, v_message_seq, CASE WHEN p_pinned THEN at END, CASE WHEN p_pinned THEN p_actor_id END)
    ON CONFLICT (chat_id, seq) DO UPDATE SET pinned_at = excluded.pinned_at, pinned_by_id = excluded.pinned_by_id;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    VALUES (p_chat_id, seq, v_mark, CASE WHEN p_pinned THEN 'message.pinned' ELSE 'message.unpinned' END, p_actor_id, v_message_seq, at);
  END IF;
  IF outcome IN ('changed', 'repeated') THEN
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;

-- As take_number, for p_count changes at once. Their numbers end with seq, and they share the mark.
CREATE OR REPLACE FUNCTION take_numbers(p_chat_id uuid, p_count int)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE sql
AS $$
  UPDATE chats c SET last_seq = c.last_seq + p_count, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark
$$;

-- Returns the messages with these chats and numbers, as src/domain/log/message-rows.ts reads them. extras is null for a plain message.
-- A deleted message shows its nonce to nobody.
CREATE OR REPLACE FUNCTION messages_as_json(p_chat_ids uuid[], p_seqs int[])
RETURNS TABLE (chat_id uuid, message jsonb, extras jsonb)
LANGUAGE sql
STABLE
AS $$
  SELECT m.chat_id,
    jsonb_build_object('id', m.id, 'seq', m.seq, 'content', m.content, 'nonce', CASE WHEN m.flags & 1 = 0 THEN m.nonce END,
      'createdAt', m.created_at, 'sender', profile_as_json(u)),
    CASE WHEN m.flags <> 0 THEN jsonb_strip_nulls(jsonb_build_object(
      'revision', x.revision,
      'editedAt', x.edited_at,
      'deletedAt', x.deleted_at,
      'replyTo', (SELECT jsonb_build_object('id', r.id, 'seq', r.seq) FROM messages r
        WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq),
      'thread', (SELECT jsonb_build_object('rootId', t.root_id, 'rootSeq', t.root_seq, 'alsoInChat', x.also_in_chat)
        FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq),
      'hasThread', m.flags & 4 <> 0,
      'mentions', (SELECT jsonb_agg(profile_as_json(named) ORDER BY n.place) FROM mentions n JOIN users named ON named.id = n.user_id
        WHERE n.chat_id = m.chat_id AND n.message_seq = m.seq),
      'mentionsAll', x.mention_all,
      'reactions', x.reactions,
      'pinnedAt', x.pinned_at,
      'pinnedBy', (SELECT profile_as_json(p) FROM users p WHERE p.id = x.pinned_by_id)))
      -- Behind the rest, whose nulls are left out: those in a client's object stay.
      || CASE WHEN x.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', x.metadata) END
    END
  FROM unnest(p_chat_ids, p_seqs) AS wanted (chat_id, seq)
  JOIN messages m ON m.chat_id = wanted.chat_id AND m.seq = wanted.seq
  JOIN users u ON u.id = m.sender_id
  LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
$$;
