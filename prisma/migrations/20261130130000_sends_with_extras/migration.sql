-- AlterTable
ALTER TABLE "message_extras" ADD COLUMN     "timeline_seq" INTEGER;

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
    INSERT INTO threads AS t (chat_id, root_seq, root_id, reply_count, last_reply_seq)
    VALUES (p_chat_id, v_root_seq, (p_extras ->> 'thread')::uuid, 1, p_seq)
    ON CONFLICT (chat_id, root_seq) DO UPDATE SET reply_count = t.reply_count + 1, last_reply_seq = p_seq;
    IF v_root_flags & 4 = 0 THEN
      UPDATE messages m SET flags = m.flags | 4 WHERE m.chat_id = p_chat_id AND m.seq = v_root_seq;
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

-- Returns the numbers of a chat's newest messages between two others (both excluded) that have none of the flags p_without, newest
-- first. It skips runs of replies that only their threads show: the cost depends on how many runs there are, not on how long they are.
CREATE OR REPLACE FUNCTION timeline_seqs(p_chat_id uuid, p_after int, p_before int, p_last int, p_without int)
RETURNS SETOF int
LANGUAGE plpgsql
STABLE
ROWS 50
SET enable_seqscan = off
AS $$
DECLARE
  v_before int := p_before;
  v_last_seen int;
  v_found int := 0;
  v_message record;
BEGIN
  LOOP
    v_last_seen := v_before;
    FOR v_message IN
      SELECT m.seq, m.flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq > p_after AND m.seq < v_before
      ORDER BY m.seq DESC LIMIT 1000
    LOOP
      v_before := v_message.seq;
      IF v_message.flags & p_without = 0 THEN
        RETURN NEXT v_message.seq;
        v_found := v_found + 1;
        EXIT WHEN v_found = p_last;
      ELSIF v_message.flags & 2 <> 0 THEN
        -- Continue with the message before the run.
        v_before := least(v_before, (SELECT x.timeline_seq + 1 FROM message_extras x
          WHERE x.chat_id = p_chat_id AND x.seq = v_message.seq));
        EXIT;
      END IF;
    END LOOP;
    EXIT WHEN v_found = p_last OR v_before = v_last_seen;
  END LOOP;
END
$$;
