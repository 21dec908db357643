-- What a message has in its life: edits, deletion, replies and threads, reactions, pins, mentions, metadata. A plain message has no
-- row in any of these tables, and its flags are 0.

-- CreateTable
CREATE TABLE "message_extras" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),
    "deleted_by_id" UUID,
    "reply_to_seq" INTEGER,
    "thread_root_seq" INTEGER,
    "also_in_chat" BOOLEAN NOT NULL DEFAULT false,
    "timeline_seq" INTEGER,
    "mention_all" BOOLEAN NOT NULL DEFAULT false,
    "metadata" JSONB,
    "reactions" JSONB,
    "reactions_due_at" TIMESTAMPTZ(3),
    "pinned_at" TIMESTAMPTZ(3),
    "pinned_by_id" UUID,

    CONSTRAINT "message_extras_pkey" PRIMARY KEY ("chat_id","seq")
);

-- CreateTable
CREATE TABLE "message_revisions" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL,
    "content" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "editor_id" UUID NOT NULL,

    CONSTRAINT "message_revisions_pkey" PRIMARY KEY ("chat_id","seq","revision")
);

-- CreateTable
CREATE TABLE "mentions" (
    "user_id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "at_seq" INTEGER NOT NULL,
    "message_seq" INTEGER NOT NULL,
    "place" SMALLINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "mentions_pkey" PRIMARY KEY ("user_id","chat_id","at_seq","message_seq")
);

-- CreateTable
CREATE TABLE "threads" (
    "chat_id" UUID NOT NULL,
    "root_seq" INTEGER NOT NULL,
    "root_id" UUID NOT NULL,
    "reply_count" INTEGER NOT NULL DEFAULT 0,
    "last_reply_seq" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "threads_pkey" PRIMARY KEY ("chat_id","root_seq")
);

-- CreateTable
CREATE TABLE "thread_follows" (
    "user_id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "root_seq" INTEGER NOT NULL,
    "following" BOOLEAN NOT NULL DEFAULT true,
    "read_seq" INTEGER NOT NULL DEFAULT 0,
    "mark" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "thread_follows_pkey" PRIMARY KEY ("user_id","chat_id","root_seq")
);

-- CreateTable
CREATE TABLE "reactions" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "emoji" VARCHAR(64) NOT NULL,
    "user_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reactions_pkey" PRIMARY KEY ("chat_id","seq","emoji","user_id")
);

-- CreateTable
CREATE TABLE "reaction_dirty" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "n" BIGINT NOT NULL DEFAULT 1,
    "user_id" UUID,

    CONSTRAINT "reaction_dirty_pkey" PRIMARY KEY ("chat_id","seq")
);

-- CreateIndex
CREATE INDEX "mentions_chat_id_message_seq_idx" ON "mentions"("chat_id", "message_seq");

-- CreateIndex
CREATE INDEX "mentions_user_id_at_idx" ON "mentions"("user_id", "at");

-- CreateIndex
CREATE INDEX "threads_chat_id_last_reply_seq_idx" ON "threads"("chat_id", "last_reply_seq");

-- CreateIndex
CREATE INDEX "thread_follows_chat_id_root_seq_idx" ON "thread_follows"("chat_id", "root_seq");

-- The replies of a thread, the pins of a chat, and the messages that mention everybody. Other messages are in none of them.
CREATE INDEX message_extras_thread_idx ON message_extras (chat_id, thread_root_seq, seq) WHERE thread_root_seq IS NOT NULL;
CREATE INDEX message_extras_pins_idx ON message_extras (chat_id, pinned_at, seq) WHERE pinned_at IS NOT NULL;
CREATE INDEX message_extras_mention_all_idx ON message_extras (chat_id, seq) WHERE mention_all;

-- Finds messages of before ids ended in their numbers. No new message enters it.
CREATE UNIQUE INDEX messages_unmarked_id_key ON messages (id) WHERE mark = 0;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_deleted_by_id_fkey" FOREIGN KEY ("deleted_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_pinned_by_id_fkey" FOREIGN KEY ("pinned_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_editor_id_fkey" FOREIGN KEY ("editor_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mentions" ADD CONSTRAINT "mentions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mentions" ADD CONSTRAINT "mentions_chat_id_message_seq_fkey" FOREIGN KEY ("chat_id", "message_seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "threads" ADD CONSTRAINT "threads_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "thread_follows" ADD CONSTRAINT "thread_follows_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "thread_follows" ADD CONSTRAINT "thread_follows_chat_id_root_seq_fkey" FOREIGN KEY ("chat_id", "root_seq") REFERENCES "threads"("chat_id", "root_seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

DROP FUNCTION append_messages(uuid[], uuid[], uuid[], text[], text[], integer, chat_role);

-- Appends messages of any senders to any chats. Returns a row for each message, in the order given. Outcomes:
--   created        stored with the next number of its chat
--   repeated       the sender sent it to this chat before, with this nonce; the row is the earlier message, edited or deleted since or not
--   nonce_reused   as repeated, but it is another message (is_same_send)
--   unreachable    there is no such chat, or the sender is not active, or is neither a member nor an admin
--   role           the sender's role in the chat is lower than p_needs (chats/rights.ts)
--   busy           only with p_lock_wait_ms = 0: another transaction has locked the row of the chat or of a sender
--   the refusals of append_with_extras
--
-- p_extras: for each message that is not plain what append_with_extras reads, null for the others, and null when all are plain. The
-- result of such a message is in the column message, as messages_as_json has it; that column is null for a plain one.
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
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[], p_lock_wait_ms int, p_needs chat_role, p_extras jsonb[] DEFAULT NULL)
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz, message jsonb)
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
  -- A message is not plain.
  v_is_flagged boolean;
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
        RETURN QUERY SELECT 'busy', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, NULL::jsonb;
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
      SELECT c.epoch, e.seq, e.id, e.content, e.created_at, e.flags <> 0 INTO epoch, seq, id, content, created_at, v_is_flagged
      FROM messages e JOIN chats c ON c.id = e.chat_id
      WHERE e.chat_id = v_chat AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        IF v_is_flagged OR p_extras[i] IS NOT NULL THEN
          outcome := CASE WHEN is_same_send(v_chat, seq, p_contents[i], p_extras[i]) THEN 'repeated' ELSE 'nonce_reused' END;
          IF v_is_flagged AND outcome = 'repeated' THEN
            message := (SELECT to_jsonb(j) FROM messages_as_json(ARRAY[v_chat], ARRAY[seq]) j);
          END IF;
        ELSE
          outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
        END IF;
        RETURN NEXT;
        message := NULL;
        CONTINUE;
      END IF;
    END IF;
    IF v_taken IS NULL OR v_may IS NOT TRUE THEN
      RETURN QUERY SELECT CASE WHEN v_may IS NOT TRUE AND v_reads THEN 'role' ELSE 'unreachable' END,
        NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, NULL::jsonb;
      CONTINUE;
    END IF;

    IF p_extras[i] IS NOT NULL THEN
      seq := v_head + 1;
      SELECT a.outcome, a.message INTO outcome, message FROM append_with_extras(v_chat, seq,
        (left(p_ids[i]::text, 28) || lpad(to_hex(seq), 8, '0'))::uuid, p_sender_ids[i], p_contents[i], nonce, v_now, v_mark, p_extras[i]) a;
      IF outcome = 'created' THEN
        v_head := seq;
      END IF;
      RETURN QUERY SELECT outcome, v_epoch, seq, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, message;
      message := NULL;
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

-- Appends one message that is not plain, with the number p_seq, for append_messages, which has locked the chat's row. p_extras has what
-- the message has of:
--   replyTo      the id of the message that it quotes
--   thread       the id of the root of the thread that it is a reply in
--   alsoInChat   true: the reply is in the main timeline too
--   mentions     the ids of the users whom it names, each once
--   mentionAll   {"needs", "limit", "needsAbove"}: it mentions every member; the role that this takes, and the role in a chat with
--                more than so many members
--   metadata     an object of the client's
-- Outcomes, of which only the first writes anything:
--   created               message is its row of messages_as_json
--   no_reply_to           the chat has no message with the id replyTo
--   reply_to_deleted      that message is deleted
--   no_thread             the chat has no message with the id thread, or it is deleted and has no replies
--   thread_in_thread      that message is a reply in a thread itself
--   no_member             somebody whom the message names is not an active member
--   mention_all           the sender's role is lower than needs
--   mention_all_large     the sender's role is lower than needsAbove
CREATE OR REPLACE FUNCTION append_with_extras(p_chat_id uuid, p_seq int, p_id uuid, p_sender_id uuid, p_content text, p_nonce text, p_at timestamptz, p_mark bigint, p_extras jsonb)
RETURNS TABLE (outcome text, message jsonb)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_mention_all jsonb := p_extras -> 'mentionAll';
  v_mentioned uuid[] := array(SELECT jsonb_array_elements_text(p_extras -> 'mentions')::uuid);
  v_is_thread_only boolean := p_extras ? 'thread' AND NOT p_extras ? 'alsoInChat';
  v_role chat_role;
  v_reply_to_seq int;
  v_root_seq int;
  v_root_sender uuid;
  v_root_flags smallint;
  v_is_reply boolean;
  v_is_first_reply boolean;
  v_timeline_seq int;
BEGIN
  -- A user's row may be locked, and append_messages may wait for locks without a limit, having skipped those that it expects.
  IF current_setting('lock_timeout') = '0' THEN
    PERFORM set_config('lock_timeout', '50', true);
  END IF;

  IF p_extras ? 'replyTo' THEN
    v_reply_to_seq := message_seq_of(p_chat_id, (p_extras ->> 'replyTo')::uuid);
    outcome := (SELECT CASE WHEN m.flags & 1 <> 0 THEN 'reply_to_deleted' ELSE 'created' END
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_reply_to_seq);
    outcome := coalesce(outcome, 'no_reply_to');
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF p_extras ? 'thread' THEN
    v_root_seq := message_seq_of(p_chat_id, (p_extras ->> 'thread')::uuid);
    SELECT m.sender_id, m.flags, x.thread_root_seq IS NOT NULL INTO v_root_sender, v_root_flags, v_is_reply
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_root_seq;
    outcome := CASE
      WHEN NOT FOUND THEN 'no_thread'
      WHEN v_is_reply THEN 'thread_in_thread'
      WHEN v_root_flags & 1 <> 0 AND NOT EXISTS (
        SELECT 1 FROM threads t WHERE t.chat_id = p_chat_id AND t.root_seq = v_root_seq AND t.reply_count > 0) THEN 'no_thread'
      ELSE 'created' END;
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF (SELECT count(*) FROM chat_memberships m JOIN users u ON u.id = m.user_id
      WHERE m.chat_id = p_chat_id AND m.user_id = ANY (v_mentioned) AND m.left_at IS NULL AND u.is_active)
      < cardinality(v_mentioned) THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;

  IF v_mention_all IS NOT NULL THEN
    v_role := (SELECT CASE WHEN u.role = 'admin' THEN 'owner' ELSE m.role END
      FROM users u LEFT JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = u.id AND m.left_at IS NULL
      WHERE u.id = p_sender_id);
    outcome := CASE
      WHEN v_role < (v_mention_all ->> 'needs')::chat_role THEN 'mention_all'
      WHEN v_role >= (v_mention_all ->> 'needsAbove')::chat_role THEN 'created'
      WHEN (SELECT count(*) FROM (SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.left_at IS NULL
        LIMIT (v_mention_all ->> 'limit')::int + 1) members) > (v_mention_all ->> 'limit')::int THEN 'mention_all_large'
      ELSE 'created' END;
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF v_is_thread_only THEN
    v_timeline_seq := coalesce((SELECT CASE WHEN m.flags & 2 = 0 THEN m.seq ELSE x.timeline_seq END
      FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
      WHERE m.chat_id = p_chat_id AND m.seq < p_seq ORDER BY m.seq DESC LIMIT 1), 0);
  END IF;
  INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at, mark, flags)
  VALUES (p_chat_id, p_seq, p_id, p_sender_id, p_content, p_nonce, p_at, p_mark, CASE WHEN v_is_thread_only THEN 10 ELSE 8 END);
  INSERT INTO message_extras (chat_id, seq, reply_to_seq, thread_root_seq, also_in_chat, timeline_seq, mention_all, metadata)
  VALUES (p_chat_id, p_seq, v_reply_to_seq, v_root_seq, p_extras ? 'alsoInChat', v_timeline_seq, v_mention_all IS NOT NULL, p_extras -> 'metadata');
  INSERT INTO mentions (user_id, chat_id, at_seq, message_seq, place, at)
  SELECT named.user_id, p_chat_id, p_seq, p_seq, named.place, p_at FROM unnest(v_mentioned) WITH ORDINALITY AS named (user_id, place);

  IF v_root_seq IS NOT NULL THEN
    v_is_first_reply := NOT EXISTS (SELECT 1 FROM threads t WHERE t.chat_id = p_chat_id AND t.root_seq = v_root_seq);
    INSERT INTO threads AS t (chat_id, root_seq, root_id, reply_count, last_reply_seq)
    VALUES (p_chat_id, v_root_seq, (p_extras ->> 'thread')::uuid, 1, p_seq)
    ON CONFLICT (chat_id, root_seq) DO UPDATE SET reply_count = t.reply_count + 1, last_reply_seq = p_seq;
    IF v_is_first_reply THEN
      PERFORM follow_thread(p_chat_id, v_root_seq, array_append(
        array(SELECT n.user_id FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_root_seq), v_root_sender), v_root_seq);
    END IF;
    PERFORM follow_thread(p_chat_id, v_root_seq, ARRAY[p_sender_id], p_seq);
    PERFORM follow_thread(p_chat_id, v_root_seq, array_remove(v_mentioned, p_sender_id), p_seq - 1);
  END IF;

  outcome := 'created';
  message := (SELECT to_jsonb(j) FROM messages_as_json(ARRAY[p_chat_id], ARRAY[p_seq]) j);
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
    -- Of the flags, the place in the timeline stays.
    UPDATE messages m SET content = '', flags = (m.flags & 2) | 9 WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_new);
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

-- Gives a message other words, mentions or metadata, and writes the event message.edited. p_needs is the lowest role that may do it
-- (chats/rights.ts). p_mentions and p_metadata are null for what stays; an empty list and a JSON null take away. Outcomes:
--   edited       the event has the number seq
--   repeated     the message has all of it already, whatever p_revision is; nothing changes
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   is_deleted   the message is deleted
--   revision     the message was edited since p_revision
--   mention      somebody whom the edit adds is no active member of the chat
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
      WHEN v_content = p_content AND coalesce(p_mentions, v_mentions) = v_mentions AND v_new_metadata IS NOT DISTINCT FROM v_metadata THEN 'repeated'
      WHEN v_revision <> p_revision THEN 'revision'
      WHEN EXISTS (SELECT 1 FROM unnest(v_added) AS added (id) WHERE NOT EXISTS (SELECT 1 FROM chat_memberships m JOIN users u ON u.id = m.user_id
        WHERE m.chat_id = p_chat_id AND m.user_id = added.id AND m.left_at IS NULL AND u.is_active)) THEN 'mention'
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
      -- Whom a reply names follows its thread, as when it is sent.
      IF v_thread IS NOT NULL THEN
        PERFORM follow_thread(p_chat_id, v_thread, array_remove(v_added, p_actor_id), v_message_seq - 1);
      END IF;
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

-- Makes users follow a thread, also those who stopped to. p_read_seq is the marker of those who never did; others keep theirs.
CREATE OR REPLACE FUNCTION follow_thread(p_chat_id uuid, p_root_seq int, p_user_ids uuid[], p_read_seq int)
RETURNS void
LANGUAGE sql
AS $$
  INSERT INTO thread_follows AS f (user_id, chat_id, root_seq, read_seq, mark)
  SELECT DISTINCT followed.user_id, p_chat_id, p_root_seq, p_read_seq, pg_current_xact_id()::text::bigint
  FROM unnest(p_user_ids) AS followed (user_id)
  ORDER BY 1
  ON CONFLICT (user_id, chat_id, root_seq) DO UPDATE SET following = true, mark = excluded.mark WHERE NOT f.following
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

-- Whether a message is what its sender sends once more with the same nonce: content, replyTo and thread are equal. What was edited or
-- deleted since cannot be compared, so the nonce alone decides. p_extras is as of append_with_extras; null for a plain message.
CREATE OR REPLACE FUNCTION is_same_send(p_chat_id uuid, p_seq int, p_content text, p_extras jsonb)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT m.flags & 1 <> 0 OR coalesce(x.revision, 0) > 0 OR (
    m.content = p_content
    AND (SELECT r.id FROM messages r WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq)
      IS NOT DISTINCT FROM (p_extras ->> 'replyTo')::uuid
    AND (SELECT t.root_id FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq)
      IS NOT DISTINCT FROM (p_extras ->> 'thread')::uuid)
  FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
  WHERE m.chat_id = p_chat_id AND m.seq = p_seq
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

-- Returns the number of a chat's message by its id; null when the chat has no such message. The last 8 hexadecimal digits of an id are
-- the number (append_messages). Ids of before there were marks end otherwise, and have an index of their own.
CREATE OR REPLACE FUNCTION message_seq_of(p_chat_id uuid, p_id uuid)
RETURNS int
LANGUAGE sql
STABLE
AS $$
  SELECT coalesce(
    (SELECT m.seq FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq = ('x' || right(p_id::text, 8))::bit(32)::int AND m.id = p_id),
    (SELECT m.seq FROM messages m WHERE m.id = p_id AND m.chat_id = p_chat_id AND m.mark = 0))
$$;

-- Returns what every member of a chat may see of a user (src/domain/profile.ts); null for no user.
CREATE OR REPLACE FUNCTION profile_as_json(u users)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT CASE WHEN (u).id IS NOT NULL THEN jsonb_build_object('id', (u).id, 'username', (u).username, 'firstName', (u).first_name,
    'lastName', (u).last_name, 'role', (u).role, 'dateJoined', (u).date_joined) END
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

-- Makes a member follow the thread of a message, or stop. Takes no number: it is the member's own state. Outcomes:
--   set          also when it was so before
--   no_member    the user is no member of the chat
--   no_thread    the chat has no such message, or it has no replies
-- Who follows for the first time has read everything that is there.
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
  WHERE c.id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
  IF NOT FOUND THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT t.root_seq INTO root_seq FROM threads t
  WHERE t.chat_id = p_chat_id AND t.root_seq = message_seq_of(p_chat_id, p_message_id);
  outcome := CASE WHEN FOUND THEN 'set' ELSE 'no_thread' END;
  IF outcome = 'set' AND p_follow THEN
    PERFORM follow_thread(p_chat_id, set_thread_follow.root_seq, ARRAY[p_user_id], v_head);
  ELSIF outcome = 'set' THEN
    UPDATE thread_follows f SET following = false, mark = pg_current_xact_id()::text::bigint
    WHERE f.user_id = p_user_id AND f.chat_id = p_chat_id AND f.root_seq = set_thread_follow.root_seq AND f.following;
  END IF;
  RETURN NEXT;
END
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

-- As take_number, for p_count changes at once. Their numbers end with seq, and they share the mark.
CREATE OR REPLACE FUNCTION take_numbers(p_chat_id uuid, p_count int)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE sql
AS $$
  UPDATE chats c SET last_seq = c.last_seq + p_count, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark
$$;

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
