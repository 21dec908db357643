-- Direct chats: opening them, and admins in them.

DROP FUNCTION append_messages(uuid[], uuid[], uuid[], text[], text[], integer, chat_role, jsonb[]);
DROP FUNCTION set_pin(uuid, uuid, uuid, uuid, chat_role, boolean, integer);

-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   no_chat    there is no such chat, or it is a direct chat of others
--   no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member". The read marker
-- and the preferences stay too.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
  v_mark bigint;
  v_role chat_role;
  v_kind chat_kind;
BEGIN
  SELECT c.epoch, c.kind INTO v_epoch, v_kind FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND OR v_kind = 'direct' THEN
    RETURN QUERY SELECT CASE WHEN v_kind = 'direct' AND (p_actor_id IS NULL OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id)) THEN 'direct' ELSE 'no_chat' END,
      NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  SELECT m.joined_at, m.role INTO v_joined, v_role FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
  IF FOUND THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role;
    RETURN;
  END IF;

  SELECT n.seq, n.mark INTO v_seq, v_mark FROM take_number(p_chat_id) n;
  INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark)
  VALUES (p_chat_id, p_user_id, v_now, v_seq, v_mark)
  ON CONFLICT (chat_id, user_id) DO UPDATE
    SET joined_at = v_now, joined_seq = v_seq, joined_mark = v_mark, left_at = NULL, role = least(m.role, 'member')
  RETURNING m.role INTO v_role;
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, v_mark, 'member.added', p_actor_id, p_user_id, v_now);
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role;
END
$$;

-- Appends messages of any senders to any chats. Returns a row for each message, in the order given. Outcomes:
--   created        stored with the next number of its chat
--   repeated       the sender sent it to this chat before, with this nonce; the row is the earlier message, edited or deleted since or not
--   nonce_reused   as repeated, but it is another message (is_same_send)
--   unreachable    there is no such chat, or the sender is not active, or is neither a member nor, but in a direct chat, an admin
--   role           the sender's role in the chat is lower than p_needs (chats/rights.ts)
--   busy           only with p_lock_wait_ms = 0: another transaction has locked the row of the chat or of a sender
--   the refusals of append_with_extras
--
-- p_extras: for each message that is not plain what append_with_extras reads, null for the others, and null when all are plain. The
-- result of such a message is in the column message, as messages_as_json has it; that column is null for a plain one.
--
-- shown_to: the members of a direct chat whose state this message has changed, because they hid the chat (show_direct_chat); null for
-- every other message.
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
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz, message jsonb, shown_to uuid[])
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
  v_is_direct boolean;
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
      SELECT c.last_seq, u.is_active AND ((u.role = 'admin' AND c.kind <> 'direct') OR EXISTS (
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
             (SELECT u.is_active AND ((u.role = 'admin' AND NOT is_direct_chat(g.chat_id)) OR (
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
        RETURN QUERY SELECT 'busy', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, NULL::jsonb, NULL::uuid[];
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
      RETURNING c.epoch, c.mark, c.kind = 'direct', c.last_seq, c.last_seq - v_wanted INTO v_epoch, v_mark, v_is_direct, v_taken, v_head;
      -- Memberships and nonces change only together with last_seq. Whether a user is active does not, so after a long wait it
      -- is read again.
      v_waited := clock_timestamp() - v_now;
      v_now := clock_timestamp();
      v_holds := v_head = v_seen[i] AND v_waited < '5 ms';
      v_first := i;
    END IF;

    IF v_taken IS NOT NULL AND v_holds IS NOT TRUE THEN
      SELECT u.is_active AND ((u.role = 'admin' AND NOT v_is_direct) OR EXISTS (
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
        NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, NULL::jsonb, NULL::uuid[];
      CONTINUE;
    END IF;

    IF p_extras[i] IS NOT NULL THEN
      seq := v_head + 1;
      SELECT a.outcome, a.message INTO outcome, message FROM append_with_extras(v_chat, seq,
        (left(p_ids[i]::text, 28) || lpad(to_hex(seq), 8, '0'))::uuid, p_sender_ids[i], p_contents[i], nonce, v_now, v_mark, p_extras[i]) a;
      IF outcome = 'created' THEN
        v_head := seq;
        IF v_is_direct THEN
          shown_to := show_direct_chat(v_chat);
        END IF;
      END IF;
      RETURN QUERY SELECT outcome, v_epoch, seq, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, message, shown_to;
      message := NULL;
      shown_to := NULL;
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
    IF v_is_direct THEN
      shown_to := show_direct_chat(v_chat);
    END IF;
    RETURN NEXT;
    shown_to := NULL;
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
    v_role := (SELECT CASE WHEN u.role = 'admin' AND NOT is_direct_chat(p_chat_id) THEN 'owner' ELSE m.role END
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

-- Returns the rights of a user in a chat: 'admin', or the role of the user's membership, or
--   outsider     the user is neither a member nor an admin
--   signed_out   the user is not active, or the sign-in has ended
-- In a direct chat nobody is an admin.
-- Locks the rows of the user and the sign-in until COMMIT, so a demotion or a sign-out comes wholly before this transaction or
-- after it. The role of the membership is fixed until COMMIT only if the caller has locked the chat's row.
CREATE OR REPLACE FUNCTION chat_standing(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_role user_role;
BEGIN
  SELECT u.role INTO v_role FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    RETURN 'signed_out';
  END IF;
  IF v_role = 'admin' AND NOT is_direct_chat(p_chat_id) THEN
    RETURN 'admin';
  END IF;
  RETURN coalesce((SELECT m.role::text FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL), 'outsider');
END
$$;

-- Returns whether a chat is a direct chat; false for a chat that does not exist. It never changes.
CREATE OR REPLACE FUNCTION is_direct_chat(p_chat_id uuid)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'direct')
$$;

-- Returns the direct chat of the actor and another user, and makes it if they have none. p_chat_id and p_epoch are of the chat that is
-- made. seq is the chat's newest number. Outcomes:
--   created      the chat is new; both are its members, by the events member.added with the numbers 1 (the actor) and 2
--   repeated     they have a direct chat already
--   signed_out   the actor is not active, or the sign-in has ended
--   no_user      there is no such user
--   inactive     the user is not active
-- Locks the rows of the actor and the sign-in until COMMIT, as chat_standing does. Those who make the chat of one pair wait for each
-- other, so that they make one.
-- The function waits at most 1 s for a lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION open_direct_chat(p_chat_id uuid, p_epoch text, p_actor_id uuid, p_family_id uuid, p_user_id uuid)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, at timestamptz, other jsonb)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_lower uuid := least(p_actor_id, p_user_id);
  v_higher uuid := greatest(p_actor_id, p_user_id);
  v_mark bigint;
BEGIN
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT CASE WHEN u.is_active THEN 'repeated' ELSE 'inactive' END, profile_as_json(u) INTO outcome, other
  FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    outcome := 'no_user';
  END IF;
  IF outcome <> 'repeated' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  -- Once without the pair's lock, and once more under it.
  FOR i IN 1 .. 2 LOOP
    SELECT c.id, c.epoch, c.last_seq INTO chat_id, epoch, seq
    FROM direct_chats d JOIN chats c ON c.id = d.chat_id WHERE d.lower_id = v_lower AND d.higher_id = v_higher;
    IF FOUND THEN
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      -- The first number keeps these locks apart from those of take_created_seq and lock_reactions.
      PERFORM pg_advisory_xact_lock(72707375, hashtext(v_lower || ' ' || v_higher));
    END IF;
  END LOOP;

  outcome := 'created';
  chat_id := p_chat_id;
  epoch := p_epoch;
  at := clock_timestamp()::timestamptz(3);
  INSERT INTO chats (id, name, name_key, epoch, kind, created_at)
  VALUES (p_chat_id, 'dm-' || p_chat_id, 'dm-' || p_chat_id, p_epoch, 'direct', at);
  INSERT INTO direct_chats (lower_id, higher_id, chat_id) VALUES (v_lower, v_higher, p_chat_id);
  SELECT n.seq, n.mark INTO seq, v_mark FROM take_numbers(p_chat_id, 2) n;
  INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark)
  SELECT p_chat_id, added.user_id, open_direct_chat.at, added.seq, v_mark
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  SELECT p_chat_id, added.seq, v_mark, 'member.added', p_actor_id, added.user_id, open_direct_chat.at
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  RETURN NEXT;
END
$$;

-- Adds reactions of any users to any messages, and removes them. Returns a row for each, in the order given. Outcomes:
--   done          the reaction is there now, or is gone now
--   repeated      it was there already, or was not there; nothing changes
--   unreachable   there is no such chat, or the user is not active, or is neither a member nor, but in a direct chat, an admin
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
    SELECT u.is_active, u.role = 'admin' AND NOT is_direct_chat(p_chat_ids[i]) INTO v_is_active, v_is_admin
    FROM users u WHERE u.id = p_user_ids[i];
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

-- Ends a membership, and writes the event member.removed. p_needs is the lowest role that may do it (chats/rights.ts). Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   direct       the actor is one of the two members of a direct chat, whom nobody removes
--   no_user, and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_direct boolean := is_direct_chat(p_chat_id);
  v_is_admin boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, CASE WHEN v_is_direct THEN 'reader' ELSE p_needs END) l;
  IF outcome = 'locked' AND v_is_direct THEN
    outcome := 'direct';
  ELSIF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT m.role, m.joined_at, u.role = 'admin' INTO role, joined_at, v_is_admin
    FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    outcome := CASE
      WHEN NOT FOUND THEN CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END
      WHEN v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
    IF outcome = 'rank' AND v_is_admin THEN
      role := 'owner';
    END IF;
  END IF;
  IF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = remove_chat_member.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at);
  END IF;
  RETURN NEXT;
END
$$;

-- Gives a member another role, and writes the event member.updated. p_needs is the lowest role that may do it (chats/rights.ts).
-- Outcomes:
--   updated      the member has the role now; the event has the number seq
--   repeated     the member had it already; nothing changes
--   last_owner   the chat would have no owner any more
--   direct       the actor is one of the two members of a direct chat, which has no other roles
--   no_member, and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_direct boolean := is_direct_chat(p_chat_id);
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, CASE WHEN v_is_direct THEN 'reader' ELSE p_needs END) l;
  IF outcome = 'locked' AND v_is_direct THEN
    outcome := 'direct';
  ELSIF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT m.role, m.joined_at INTO role, joined_at FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    outcome := CASE
      WHEN NOT FOUND THEN 'no_member'
      WHEN role = p_role THEN 'repeated'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    UPDATE chat_memberships m SET role = p_role WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.updated', p_actor_id, p_user_id, at);
  END IF;
  RETURN NEXT;
END
$$;

-- Pins a message in its chat or unpins it, and writes the event message.pinned or message.unpinned. p_needs is the lowest role that may
-- do it, p_needs_in_direct the lowest in a direct chat (chats/rights.ts). Outcomes:
--   changed      the event has the number seq
--   repeated     the message is pinned, or is not, already; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted, and cannot be pinned
--   full         the chat has p_max pins
--   and the refusals of lock_chat_for
-- No two pins of a chat have the same time, so their order is exact.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_pin(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_in_direct chat_role, p_pinned boolean, p_max int)
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
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id,
    CASE WHEN is_direct_chat(p_chat_id) THEN p_needs_in_direct ELSE p_needs END) l;
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

-- A message was sent to a direct chat: ends that its members hide it. Returns the ids of the members whose state has changed, and null
-- when no member hid it. The caller has locked the chat's row.
CREATE OR REPLACE FUNCTION show_direct_chat(p_chat_id uuid)
RETURNS uuid[]
LANGUAGE plpgsql
AS $$
DECLARE
  v_user_ids uuid[];
BEGIN
  WITH shown AS (
    UPDATE chat_memberships m SET hidden = false, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.hidden RETURNING m.user_id)
  SELECT array_agg(s.user_id ORDER BY s.user_id) INTO v_user_ids FROM shown s;
  RETURN v_user_ids;
END
$$;
