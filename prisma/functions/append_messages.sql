-- Appends messages of any senders to any chats. Returns a row for each message, in the order given. Outcomes:
--   created        stored with the next number of its chat
--   repeated       the sender sent it to this chat before, with this nonce; the row is the earlier message, edited or deleted since or not
--   nonce_reused   as repeated, but it is another message (is_same_send)
--   unreachable    there is no such chat, or it is deleted, or the sender is not active, or is neither a member nor, but in a direct
--                  chat, an admin
--   the refusals of send_refusal, with their details in the column message
--   busy           with p_lock_wait_ms = 0: another transaction has locked the row of the chat or of a sender; otherwise the sender was
--                  refused a moment ago, and is not now
--   the refusals of append_with_extras
--
-- p_needs is the lowest role that sends, p_free the lowest that slow mode does not slow (chats/rights.ts). p_narrowed: for each message
-- whether it comes through a narrowed token; null when none does.
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
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[], p_lock_wait_ms int,
  p_needs chat_role, p_free chat_role,
  p_narrowed boolean[] DEFAULT NULL, p_extras jsonb[] DEFAULT NULL)
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
  -- Of each message, as read at the beginning: its chat's last_seq, whether its sender may send, whether its nonce is known.
  v_seen int[];
  v_allowed boolean[];
  v_known boolean[];
  -- Every message of the batch may be written and is new, as read at the beginning: nearly always.
  v_all_new boolean := true;
  v_chat uuid;
  v_sender uuid;
  -- Places in the batch: of the first message of the next chat, and of the message that took this chat's numbers.
  v_next int := 1;
  v_first int;
  v_is_busy boolean;
  -- What was read at the beginning still holds.
  v_holds boolean;
  v_last_seq int;
  v_may boolean;
  v_refusal text;
  v_details jsonb;
  v_repeats boolean;
  -- A message is not plain.
  v_is_flagged boolean;
  v_epoch text;
  v_mark bigint;
  v_is_direct boolean;
  -- The chat is neither archived nor deleted.
  v_is_open boolean;
  v_posting_role chat_role;
  v_slow int;
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
      SELECT c.last_seq, u.is_active AND c.archived_at IS NULL AND c.deleted_at IS NULL AND ((u.role = 'admin' AND c.kind <> 'direct') OR EXISTS (
          SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = u.id AND m.left_at IS NULL
            AND may_send(m.role, m.muted_until, m.last_sent_at, c.posting_role, c.slow_seconds, p_narrowed[j], p_needs, p_free, v_now))),
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
      SELECT w.last_seq, w.allowed,
             (SELECT true FROM messages e
              WHERE e.chat_id = g.chat_id AND e.sender_id = g.sender_id AND e.nonce = g.nonce) AS known
      FROM unnest(p_chat_ids, p_sender_ids, p_nonces) WITH ORDINALITY AS g (chat_id, sender_id, nonce, place)
      LEFT JOIN LATERAL (
        SELECT c.last_seq, u.is_active AND c.archived_at IS NULL AND c.deleted_at IS NULL AND ((u.role = 'admin' AND c.kind <> 'direct') OR (
            SELECT may_send(m.role, m.muted_until, m.last_sent_at, c.posting_role, c.slow_seconds, p_narrowed[g.place], p_needs, p_free, v_now)
            FROM chat_memberships m WHERE m.chat_id = g.chat_id AND m.user_id = g.sender_id AND m.left_at IS NULL)) AS allowed
        FROM chats c, users u WHERE c.id = g.chat_id AND u.id = g.sender_id OFFSET 0) w ON true
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
      RETURNING c.epoch, c.mark, c.kind = 'direct', c.last_seq, c.last_seq - v_wanted,
        c.archived_at IS NULL AND c.deleted_at IS NULL, c.posting_role, c.slow_seconds
      INTO v_epoch, v_mark, v_is_direct, v_taken, v_head, v_is_open, v_posting_role, v_slow;
      -- Memberships, settings and nonces change only together with last_seq. Whether a user is active does not, so after a long wait
      -- it is read again. In slow mode a message decides about those behind it.
      v_waited := clock_timestamp() - v_now;
      v_now := clock_timestamp();
      v_holds := v_head = v_seen[i] AND v_waited < '5 ms' AND v_is_open AND v_slow = 0;
      v_first := i;
      IF v_slow > 0 THEN
        -- The senders' memberships, in the order in which every transaction locks those of a chat.
        IF p_lock_wait_ms = 0 THEN
          PERFORM set_config('lock_timeout', '50', true);
        END IF;
        FOR v_sender IN SELECT DISTINCT g.sender_id FROM unnest(p_sender_ids[i : v_next - 1]) AS g (sender_id) ORDER BY 1 LOOP
          PERFORM 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = v_sender FOR NO KEY UPDATE;
        END LOOP;
      END IF;
    END IF;

    IF v_taken IS NOT NULL AND v_holds IS NOT TRUE THEN
      SELECT v_is_open AND u.is_active AND ((u.role = 'admin' AND NOT v_is_direct) OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = u.id AND m.left_at IS NULL
          AND may_send(m.role, m.muted_until, m.last_sent_at, v_posting_role, v_slow, p_narrowed[i], p_needs, p_free, v_now))) INTO v_may
      FROM users u WHERE u.id = p_sender_ids[i];
    END IF;
    -- Who reads the chat and may not send may learn that an earlier send was stored.
    IF v_may IS NOT TRUE THEN
      SELECT coalesce(r.outcome, 'busy'), r.details INTO v_refusal, v_details
      FROM send_refusal(v_chat, p_sender_ids[i], p_needs, p_free, p_narrowed[i], v_now) r;
    END IF;
    nonce := p_nonces[i];
    -- The nonce of the message that took the numbers is known to be new. Others may repeat one before them in the batch.
    IF (v_may OR v_refusal <> 'unreachable') AND nonce IS NOT NULL AND NOT (v_taken IS NOT NULL AND v_holds AND i = v_first) THEN
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
      RETURN QUERY SELECT CASE WHEN v_may THEN 'unreachable' ELSE v_refusal END,
        NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz, v_details, NULL::uuid[];
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
        ELSIF v_slow > 0 THEN
          UPDATE chat_memberships m SET last_sent_at = v_now WHERE m.chat_id = v_chat AND m.user_id = p_sender_ids[i];
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
    ELSIF v_slow > 0 THEN
      UPDATE chat_memberships m SET last_sent_at = v_now WHERE m.chat_id = v_chat AND m.user_id = p_sender_ids[i];
    END IF;
    RETURN NEXT;
    shown_to := NULL;
  END LOOP;

  IF v_head <> v_taken THEN
    UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
  END IF;
END
$$;
