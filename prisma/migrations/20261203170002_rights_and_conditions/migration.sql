DROP FUNCTION append_messages(uuid[], uuid[], uuid[], text[], text[], integer, chat_role, jsonb[]);
DROP FUNCTION chat_standing(uuid, uuid, uuid);
DROP FUNCTION delete_messages(uuid, uuid[], uuid, uuid, chat_role, chat_role);
DROP FUNCTION edit_message(uuid, uuid, uuid, uuid, chat_role, text, integer, uuid[], jsonb, integer);
DROP FUNCTION forget_history(uuid, uuid, uuid, uuid, chat_role, chat_role);
DROP FUNCTION lock_chat_for(uuid, uuid, uuid, chat_role);
DROP FUNCTION react(uuid[], uuid[], uuid[], text[], boolean[], chat_role, integer, boolean);
DROP FUNCTION remove_chat_member(uuid, uuid, uuid, uuid, chat_role);
DROP FUNCTION set_member_role(uuid, uuid, uuid, uuid, chat_role, chat_role);
DROP FUNCTION set_pin(uuid, uuid, uuid, uuid, chat_role, chat_role, boolean, integer);

-- Returns why a user may not do something in a chat, and null when the user may. Refusals, in the order of src/domain/chats/chat-access.ts:
--   outsider       the user is neither a member nor, but in a direct chat, an admin
--   direct         nobody does it in a direct chat, and this is one
--   role           the user's role is lower than the action needs
--   archived       the chat is archived, and an archived chat does not allow it
--   posting_role   the user's role is lower than the one that writes in the chat
--   muted          the user is muted, and a muted member may not do it
-- p_right is the action's row of the table of rights (src/domain/chats/rights.ts): {"needs", "inDirect", "whileArchived", "whileMuted",
-- "posts", "isNarrowed"}. p_standing is 'admin', the role of the user's membership, or 'outsider'.
CREATE OR REPLACE FUNCTION access_refusal(p_right jsonb, p_standing text, p_kind chat_kind, p_archived_at timestamptz, p_posting_role chat_role,
  p_muted_until timestamptz, p_at timestamptz)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
  v_needs text := p_right ->> CASE WHEN p_kind = 'direct' THEN 'inDirect' ELSE 'needs' END;
BEGIN
  IF p_standing = 'outsider' THEN
    RETURN p_standing;
  ELSIF v_needs = 'never' THEN
    RETURN 'direct';
  ELSIF p_standing <> 'admin' AND (v_needs = 'admin' OR p_standing::chat_role < v_needs::chat_role) THEN
    RETURN 'role';
  ELSIF p_archived_at IS NOT NULL AND NOT p_right ? 'whileArchived' THEN
    RETURN 'archived';
  ELSIF p_standing <> 'admin' AND p_right ? 'posts' AND p_standing::chat_role < p_posting_role THEN
    RETURN 'posting_role';
  ELSIF p_standing <> 'admin' AND p_muted_until > p_at AND NOT p_right ? 'whileMuted' THEN
    RETURN 'muted';
  END IF;
  RETURN NULL;
END
$$;

-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   archived   the chat is archived
--   no_chat    there is no such chat, or it is deleted, or it is a direct chat of others
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
  v_is_member boolean;
  v_is_archived boolean;
BEGIN
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
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
  -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
  SELECT m.joined_at, m.role, m.left_at IS NULL INTO v_joined, v_role, v_is_member FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF v_is_member THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role;
    RETURN;
  ELSIF v_is_archived THEN
    RETURN QUERY SELECT 'archived', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
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

-- Deletes messages of a chat, and writes an event message.deleted for each, in the order of their numbers. p_right is as of
-- access_refusal, for the actor's own messages; p_needs_for_others is the lowest role that deletes everybody's (chats/rights.ts). The ids are different.
-- Returns a row for each message, in the order given. Outcomes:
--   deleted      the event has the number seq
--   repeated     the message was deleted before; it takes no number
-- or one row for all, after which nothing has changed:
--   no_message   the chat lacks one of the messages
--   not_yours    another user sent one of them
--   and the refusals of lock_chat_for
-- What was said goes with its former versions, mentions, metadata, reactions and pin. The message's place stays, in its thread too. The
-- nonce stays, so that a repeated send is not stored again.
-- The deletion of another's message is an act of the audit log, message.deleted.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_messages(p_chat_id uuid, p_message_ids uuid[], p_actor_id uuid, p_family_id uuid, p_right jsonb,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_seqs int[];
  v_seq int;
  v_id uuid;
  v_sender_id uuid;
  -- The acts for the audit log.
  v_acts jsonb := '[]';
  v_has_others boolean := false;
  v_flags int;
  -- The numbers of those that are not deleted yet, in their order.
  v_new int[] := '{}';
  -- The number before those of the events.
  v_before int;
  v_mark bigint;
  v_thread int;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT array_agg(message_seq_of(p_chat_id, asked.id) ORDER BY asked.place) INTO v_seqs
    FROM unnest(p_message_ids) WITH ORDINALITY AS asked (id, place);
    -- One by one, here and below: a plan for several numbers may read the whole chat for them.
    FOREACH v_seq IN ARRAY v_seqs LOOP
      SELECT m.sender_id, m.flags INTO v_sender_id, v_flags
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      v_has_others := v_has_others OR v_sender_id <> p_actor_id;
      IF v_flags & 1 = 0 THEN
        v_new := v_new || v_seq;
      END IF;
    END LOOP;
    outcome := CASE
      WHEN array_position(v_seqs, NULL) IS NOT NULL THEN 'no_message'
      WHEN v_has_others AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      ELSE 'deleted' END;
  END IF;
  IF outcome <> 'deleted' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  IF cardinality(v_new) > 0 THEN
    v_new := ARRAY(SELECT gone.seq FROM unnest(v_new) AS gone (seq) ORDER BY gone.seq);
    SELECT n.seq - cardinality(v_new), n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, cardinality(v_new)) n;
    FOR i IN 1 .. cardinality(v_new) LOOP
      v_seq := v_new[i];
      SELECT m.id, m.sender_id, m.flags INTO v_id, v_sender_id, v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      -- Of the flags, the place in the timeline stays.
      UPDATE messages m SET content = '', flags = (m.flags & 2) | 9 WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      INSERT INTO message_extras AS x (chat_id, seq, deleted_at, deleted_by_id) VALUES (p_chat_id, v_seq, delete_messages.at, p_actor_id)
      ON CONFLICT (chat_id, seq) DO UPDATE
        SET deleted_at = excluded.deleted_at, deleted_by_id = excluded.deleted_by_id, mention_all = false, metadata = NULL,
          reactions = NULL, pinned_at = NULL, pinned_by_id = NULL
      RETURNING x.thread_root_seq INTO v_thread;
      -- A plain message has neither earlier words nor mentions.
      IF v_flags <> 0 THEN
        DELETE FROM message_revisions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq;
        DELETE FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_seq;
      END IF;
      IF v_thread IS NOT NULL THEN
        UPDATE threads t SET reply_count = t.reply_count - 1,
          last_reply_seq = coalesce((SELECT x.seq FROM message_extras x
            WHERE x.chat_id = t.chat_id AND x.thread_root_seq = t.root_seq AND x.deleted_at IS NULL ORDER BY x.seq DESC LIMIT 1), 0)
        WHERE t.chat_id = p_chat_id AND t.root_seq = v_thread;
      END IF;
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
      VALUES (p_chat_id, v_before + i, v_mark, 'message.deleted', p_actor_id, v_seq, delete_messages.at);
      IF v_sender_id <> p_actor_id THEN
        v_acts := v_acts || jsonb_build_object('actor', p_actor_id, 'client', (SELECT f.client_id FROM token_families f WHERE f.id = p_family_id),
          'action', 'message.deleted', 'chat', p_chat_id, 'target', v_id, 'data', jsonb_build_object('seq', v_seq, 'sender', v_sender_id));
      END IF;
    END LOOP;
    PERFORM drop_reactions(p_chat_id, v_new);
    PERFORM write_audit_entries(v_acts);
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

-- Gives a message other words, mentions or metadata, and writes the event message.edited. p_right is as of
-- access_refusal. p_mentions and p_metadata are null for what stays; an empty list and a JSON null take away. Outcomes:
--   edited       the event has the number seq
--   repeated     the message has all of it already, whatever p_revision is; nothing changes
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   is_deleted   the message is deleted
--   revision     the message was edited since p_revision
--   mention      somebody whom the edit adds is no active member of the chat
--   window       the message was sent more than p_window_seconds ago; null for no end
--   rate         the message was edited 10 times within a minute; the next edit may come after retry_after_ms
--   and the refusals of lock_chat_for, with its needs
-- The former words go to message_revisions, which keeps the newest 100. A mention that stays keeps the number at which it was added.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION edit_message(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_content text,
  p_revision int, p_mentions uuid[], p_metadata jsonb, p_window_seconds int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, needs text, retry_after_ms int, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
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
  -- With p_mentions alone.
  v_mentions uuid[];
  v_added uuid[] := '{}';
  -- When the tenth newest edit was made.
  v_tenth timestamptz;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.needs INTO outcome, epoch, needs FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id, m.content, m.created_at, m.flags & 1 <> 0,
        coalesce(x.revision, 0), coalesce(x.edited_at, m.created_at), x.metadata, x.thread_root_seq
      INTO v_sender_id, v_content, v_created, v_is_deleted, v_revision, v_edited, v_metadata, v_thread
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    v_new_metadata := CASE WHEN p_metadata IS NULL THEN v_metadata WHEN p_metadata <> 'null' THEN p_metadata END;
    IF p_mentions IS NOT NULL THEN
      SELECT coalesce(array_agg(n.user_id ORDER BY n.place), '{}') INTO v_mentions
      FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq;
      SELECT coalesce(array_agg(wanted.id), '{}') INTO v_added
      FROM unnest(p_mentions) AS wanted (id) WHERE wanted.id <> ALL (v_mentions);
    END IF;
    IF v_revision >= 10 THEN
      SELECT r.at INTO v_tenth FROM message_revisions r
      WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision = v_revision - 9;
    END IF;
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_sender_id <> p_actor_id THEN 'not_yours'
      WHEN v_is_deleted THEN 'is_deleted'
      WHEN v_content = p_content AND (p_mentions IS NULL OR p_mentions = v_mentions) AND v_new_metadata IS NOT DISTINCT FROM v_metadata THEN 'repeated'
      WHEN v_revision <> p_revision THEN 'revision'
      WHEN EXISTS (SELECT 1 FROM unnest(v_added) AS added (id) WHERE NOT is_active_member(p_chat_id, added.id)) THEN 'mention'
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
    IF v_revision >= 100 THEN
      DELETE FROM message_revisions r
      WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision <= v_revision - 100;
    END IF;
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

-- Drops what the earlier versions of a message said. p_right is as of access_refusal, for the actor's own messages; p_needs_for_others is
-- the lowest role that does it to everybody's (chats/rights.ts). It is no event: what others see of the chat does not change. Outcomes:
--   forgotten    also when there was nothing to drop
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   and the refusals of lock_chat_for
-- Dropping earlier versions of another's message is an act of the audit log, message.history_forgotten.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION forget_history(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_message_seq int;
  v_sender_id uuid;
  v_is_change boolean;
BEGIN
  SELECT l.outcome, l.standing INTO outcome, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
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
    v_is_change := FOUND;
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
    IF v_is_change AND v_sender_id <> p_actor_id THEN
      PERFORM write_audit(p_actor_id, p_family_id, 'message.history_forgotten', p_chat_id, p_message_id::text,
        jsonb_build_object('seq', v_message_seq, 'sender', v_sender_id));
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Locks a chat's row until COMMIT, and checks that the user may do something there. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat, or it is deleted
--   signed_out             the user is not active, or the sign-in has ended
--   the refusals of access_refusal
-- Locks the rows of the user and the sign-in first, so a demotion or a sign-out comes wholly before this transaction or after it: whoever
-- waits for them holds up no chat. A user who is refused before the chat's row is locked does not wait for it.
-- p_right is as of access_refusal; its member ifMembersInvite replaces needs in a chat whose members invite. p_family_id is null for an
-- operator, who has an admin's rights. standing is 'admin' for admins and operators, but in a direct chat not for admins; otherwise the
-- role of the user's membership, through a narrowed token 'member' at most, and 'outsider' without one. kind is the chat's, and needs
-- the role that a refusal by role asks for.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, standing text, kind chat_kind, needs text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean := true;
  v_archived timestamptz;
  v_deleted timestamptz;
  v_posting_role chat_role;
  v_muted timestamptz;
  v_members_invite boolean;
  v_right jsonb;
BEGIN
  IF p_family_id IS NOT NULL THEN
    SELECT u.role = 'admin' INTO v_is_admin FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f;
    IF NOT FOUND THEN
      outcome := 'signed_out';
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  -- Once before the chat's row is locked, and once more when nothing that decides can change any more.
  FOR i IN 1 .. 2 LOOP
    IF i = 1 THEN
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id;
    ELSE
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    END IF;
    IF NOT FOUND OR v_deleted IS NOT NULL THEN
      outcome := 'no_chat';
      EXIT;
    END IF;
    IF v_is_admin AND (kind <> 'direct' OR p_family_id IS NULL) THEN
      standing := 'admin';
    ELSE
      -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
      SELECT CASE WHEN m.left_at IS NULL THEN m.role::text ELSE 'outsider' END, m.muted_until INTO standing, v_muted
      FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
      standing := coalesce(standing, 'outsider');
      IF p_right ? 'isNarrowed' AND standing IN ('moderator', 'owner') THEN
        standing := 'member';
      END IF;
    END IF;
    v_right := p_right || CASE WHEN v_members_invite AND p_right ? 'ifMembersInvite'
      THEN jsonb_build_object('needs', p_right -> 'ifMembersInvite') ELSE '{}' END;
    outcome := coalesce(access_refusal(v_right, standing, kind, v_archived, v_posting_role, v_muted, clock_timestamp()::timestamptz(3)), 'locked');
    EXIT WHEN outcome <> 'locked';
  END LOOP;
  needs := CASE outcome
    WHEN 'role' THEN v_right ->> CASE WHEN kind = 'direct' THEN 'inDirect' ELSE 'needs' END
    WHEN 'posting_role' THEN v_posting_role::text END;
  RETURN NEXT;
END
$$;

-- Moves a user's read markers to the newest number: of these chats (null: of all chats that the user is a member of), and of the threads
-- in them that the user follows and that have newer replies. p_chat_ids has each chat once. Returns a row for each chat of which
-- something changed:
--   moved     read_seq is the marker of the main timeline now
--   threads   only markers of threads have moved
-- or one row, no_member, after which nothing has changed: the user is no member of one of the chats.
-- The locks are taken in the order of mark_read. A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and
-- writes nothing.
CREATE OR REPLACE FUNCTION mark_all_read(p_user_id uuid, p_chat_ids uuid[])
RETURNS TABLE (outcome text, chat_id uuid, read_seq int)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_chat_ids uuid[];
  v_head int;
  v_root_seqs int[];
BEGIN
  v_chat_ids := array(SELECT m.chat_id FROM unnest(p_chat_ids) AS asked (id) JOIN chat_memberships m ON m.chat_id = asked.id
    WHERE m.user_id = p_user_id AND m.left_at IS NULL AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = asked.id));
  IF cardinality(v_chat_ids) < cardinality(p_chat_ids) THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  IF p_chat_ids IS NULL THEN
    v_chat_ids := array(SELECT m.chat_id FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL);
  END IF;

  FOR chat_id IN SELECT u.id FROM unnest(v_chat_ids) AS u (id) ORDER BY u.id LOOP
    SELECT m.read_seq, c.last_seq INTO read_seq, v_head FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL;
    v_root_seqs := array(SELECT f.root_seq FROM thread_follows f
      WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.following
        AND f.read_seq < (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
          ORDER BY t.root_seq LIMIT 1));
    CONTINUE WHEN read_seq IS NULL OR (read_seq >= v_head AND cardinality(v_root_seqs) = 0);
    UPDATE chat_memberships m SET read_seq = greatest(m.read_seq, v_head), state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    CONTINUE WHEN NOT FOUND;
    UPDATE thread_follows f SET read_seq = greatest(f.read_seq, v_head), mark = pg_current_xact_id()::text::bigint
    FROM unnest(v_root_seqs) AS unread (root_seq)
    WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.root_seq = unread.root_seq;
    outcome := CASE WHEN read_seq < v_head THEN 'moved' ELSE 'threads' END;
    read_seq := greatest(read_seq, v_head);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Moves read markers of any users forward: of a chat's main timeline, or of a thread (p_thread_ids has the id of its root, and null for
-- the main timeline). Returns an outcome for each, in the order given:
--   moved       the marker is at the number now
--   same        it was there or beyond, or another call of the batch has moved it beyond; nothing changes
--   later       p_may_write is false, and the marker would move
--   no_chat     there is no such chat, or it is deleted, or it is a direct chat of others
--   no_member   the user is no member of it
--   beyond      the chat has no such number yet
--   no_thread   the chat has no such message, or it has no replies
--   busy        only with p_waits false: another transaction has locked the user's membership
-- A thread's marker is kept also of a user who does not follow it. Whoever begins to follow has it then.
--
-- Each change sets the membership's state_mark, also that of a thread's marker: the inbox finds states by it.
-- The locks are taken in one order: memberships by chat and user, each before its threads. A lock is waited for at most 300 ms; then the
-- function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION mark_read(p_user_ids uuid[], p_chat_ids uuid[], p_seqs int[], p_thread_ids uuid[], p_may_write boolean[], p_waits boolean)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_outcomes text[] := array_fill(NULL::text, ARRAY[cardinality(p_user_ids)]);
  i int;
  v_read int;
  v_head int;
  v_root int;
  v_is_member boolean;
BEGIN
  FOR i IN
    SELECT g.place FROM unnest(p_chat_ids, p_user_ids, p_seqs) WITH ORDINALITY AS g (chat_id, user_id, seq, place)
    ORDER BY g.chat_id, g.user_id, g.seq DESC, g.place
  LOOP
    -- By the primary key, here and below: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.read_seq, c.last_seq, m.left_at IS NULL AND c.deleted_at IS NULL INTO v_read, v_head, v_is_member FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i];
    IF v_is_member IS NOT TRUE THEN
      v_outcomes[i] := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_ids[i] AND c.kind = 'group' AND c.deleted_at IS NULL) THEN 'no_member' ELSE 'no_chat' END;
      CONTINUE;
    END IF;
    IF p_seqs[i] > v_head THEN
      v_outcomes[i] := 'beyond';
      CONTINUE;
    END IF;
    v_root := NULL;
    IF p_thread_ids[i] IS NOT NULL THEN
      v_root := (SELECT t.root_seq FROM threads t
        WHERE t.chat_id = p_chat_ids[i] AND t.root_seq = message_seq_of(p_chat_ids[i], p_thread_ids[i]));
      IF v_root IS NULL THEN
        v_outcomes[i] := 'no_thread';
        CONTINUE;
      END IF;
      v_read := coalesce((SELECT f.read_seq FROM thread_follows f
        WHERE f.user_id = p_user_ids[i] AND f.chat_id = p_chat_ids[i] AND f.root_seq = v_root), 0);
    END IF;
    IF p_seqs[i] <= v_read THEN
      v_outcomes[i] := 'same';
      CONTINUE;
    END IF;
    IF NOT p_may_write[i] THEN
      v_outcomes[i] := 'later';
      CONTINUE;
    END IF;
    IF NOT p_waits THEN
      PERFORM 1 FROM chat_memberships m WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        v_outcomes[i] := 'busy';
        CONTINUE;
      END IF;
    END IF;
    UPDATE chat_memberships m SET state_mark = pg_current_xact_id()::text::bigint,
      read_seq = CASE WHEN v_root IS NULL THEN greatest(m.read_seq, p_seqs[i]) ELSE m.read_seq END
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND coalesce(m.left_at, 'infinity') = 'infinity'
      AND (v_root IS NOT NULL OR m.read_seq < p_seqs[i]);
    v_outcomes[i] := CASE WHEN FOUND THEN 'moved' ELSE 'same' END;
    IF FOUND AND v_root IS NOT NULL THEN
      INSERT INTO thread_follows AS f (user_id, chat_id, root_seq, following, read_seq, mark)
      VALUES (p_user_ids[i], p_chat_ids[i], v_root, false, p_seqs[i], pg_current_xact_id()::text::bigint)
      ON CONFLICT (user_id, chat_id, root_seq) DO UPDATE SET read_seq = excluded.read_seq, mark = excluded.mark
        WHERE f.read_seq < excluded.read_seq;
    END IF;
  END LOOP;
  RETURN QUERY SELECT u.outcome FROM unnest(v_outcomes) WITH ORDINALITY AS u (outcome, place) ORDER BY u.place;
END
$$;

-- Moves a member's read marker of the main timeline back, to the number before p_from_seq. Outcomes:
--   moved       the marker is there now
--   same        it was there or lower; nothing changes
--   no_chat, no_member, beyond   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION mark_unread(p_user_id uuid, p_chat_id uuid, p_from_seq int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_head int;
  v_kind chat_kind;
BEGIN
  SELECT c.last_seq, c.kind INTO v_head, v_kind FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL;
  outcome := CASE
    WHEN v_head IS NULL THEN 'no_chat'
    WHEN member_role(p_chat_id, p_user_id) IS NULL
      THEN CASE WHEN v_kind = 'group' THEN 'no_member' ELSE 'no_chat' END
    WHEN p_from_seq > v_head THEN 'beyond'
    ELSE 'same' END;
  IF outcome = 'same' THEN
    UPDATE chat_memberships m SET read_seq = p_from_seq - 1, state_mark = pg_current_xact_id()::text::bigint
    -- As in mark_read, the primary key finds it.
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND coalesce(m.left_at, 'infinity') = 'infinity' AND m.read_seq >= p_from_seq;
    IF FOUND THEN
      outcome := 'moved';
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Whether a member with this role, mute and last message may send to a chat with these settings at p_at. p_needs is the lowest role that
-- sends, p_free the lowest that slow mode does not slow (src/domain/chats/rights.ts). Through a narrowed token a role counts as "member"
-- at most. Short, so that the planner puts it into the statements that ask.
CREATE OR REPLACE FUNCTION may_send(p_role chat_role, p_muted_until timestamptz, p_last_sent_at timestamptz, p_posting_role chat_role,
  p_slow_seconds int, p_is_narrowed boolean, p_needs chat_role, p_free chat_role, p_at timestamptz)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT p_role >= p_needs AND p_role >= p_posting_role AND (p_posting_role <= 'member' OR p_is_narrowed IS NOT TRUE)
    AND (p_muted_until IS NULL OR p_muted_until <= p_at)
    AND (p_slow_seconds = 0 OR p_last_sent_at IS NULL OR (p_role >= p_free AND p_is_narrowed IS NOT TRUE)
      OR p_last_sent_at + make_interval(secs => p_slow_seconds) <= p_at)
$$;

-- Adds reactions of any users to any messages, and removes them. Returns a row for each, in the order given. Outcomes:
--   done          the reaction is there now, or is gone now
--   repeated      it was there already, or was not there; nothing changes
--   unreachable   there is no such chat, or it is deleted, or the user is not active, or is neither a member nor, but in a direct
--                 chat, an admin
--   role, archived, muted   as of access_refusal, by p_right
--   no_message    the chat has no message with this id
--   deleted       the message is deleted
--   full          the message has p_max_emoji different emoji, and this would be one more
--   busy          only with p_waits false: another transaction has locked the user's membership or the message's reactions
-- message and extras are of messages_as_json, with the reactions as their rows are now; null but in the first row of each message. Of a
-- message that was deleted after its reaction was written they are those of a deleted one, without the reactions that wait to be dropped.
--
-- The chats are not locked. The memberships are, FOR SHARE: a removal, or a change of the role, that is committed first is seen, and
-- one that comes later waits for this transaction; so does a mute. A chat that is archived meanwhile keeps a
-- reaction that did not see it. The locks are taken in one order, which is that of every transaction here: chats,
-- memberships by chat and user, lock_reactions, reaction_dirty by key.
--
-- A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION react(p_chat_ids uuid[], p_message_ids uuid[], p_user_ids uuid[], p_emoji text[], p_adds boolean[], p_right jsonb, p_max_emoji int, p_waits boolean)
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
  v_muted timestamptz;
  v_standing text;
  v_kind chat_kind;
  v_archived timestamptz;
  v_flags int;
  v_changed boolean;
BEGIN
  FOR i IN SELECT g.place FROM unnest(p_chat_ids, p_user_ids) WITH ORDINALITY AS g (chat_id, user_id, place) ORDER BY g.chat_id, g.user_id
  LOOP
    SELECT m.role, m.muted_until INTO v_role, v_muted FROM chat_memberships m
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL)
    THEN
      IF NOT p_waits THEN
        v_outcomes[i] := 'busy';
        CONTINUE;
      END IF;
      SELECT m.role, m.muted_until INTO v_role, v_muted FROM chat_memberships m
      WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE;
    END IF;
    SELECT c.kind, c.archived_at, CASE WHEN u.role = 'admin' AND c.kind <> 'direct' THEN 'admin' ELSE v_role::text END
      INTO v_kind, v_archived, v_standing
    FROM chats c, users u WHERE c.id = p_chat_ids[i] AND c.deleted_at IS NULL AND u.id = p_user_ids[i] AND u.is_active;
    IF v_standing IS NULL THEN
      v_outcomes[i] := 'unreachable';
      CONTINUE;
    END IF;
    v_outcomes[i] := access_refusal(p_right, v_standing, v_kind, v_archived, NULL, v_muted, clock_timestamp()::timestamptz(3));
    CONTINUE WHEN v_outcomes[i] IS NOT NULL;
    v_seqs[i] := message_seq_of(p_chat_ids[i], p_message_ids[i]);
    IF v_seqs[i] IS NULL THEN
      v_outcomes[i] := 'no_message';
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
      coalesce(shown.extras, '{}') || CASE WHEN g.shows AND (shown.extras -> 'deletedAt') IS NULL
        THEN jsonb_build_object('reactions', reactions_as_json(g.chat_id, g.seq)) ELSE '{}' END
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

-- Ends a membership, and writes the event member.removed. p_right is as of access_refusal. Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   no_user, and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The removal of another is an act of the audit log, member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_admin boolean;
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, u.role = 'admin', m.left_at IS NULL INTO role, joined_at, v_is_admin, v_is_member
    FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_is_member IS NOT TRUE THEN CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END
      WHEN v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
    IF outcome = 'rank' AND v_is_admin THEN
      role := 'owner';
    ELSIF outcome = 'repeated' THEN
      role := NULL;
      joined_at := NULL;
    END IF;
  END IF;
  IF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = remove_chat_member.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at, '{"cause": "removed"}');
    IF p_user_id IS DISTINCT FROM p_actor_id THEN
      PERFORM write_audit(p_actor_id, p_family_id, 'member.removed', p_chat_id, p_user_id::text, jsonb_build_object('role', role));
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Returns why a user may not send to a chat at p_at. Outcomes:
--   unreachable    as of append_messages
--   role           the user's role in the chat is lower than p_needs
--   archived       the chat is archived
--   posting_role   the user's role is lower than the chat's, which details names: {"needs"}
--   muted          the user is muted
--   slow_mode      the user sent a message a moment ago, and may send the next one in details: {"retryAfterMs"}
--   null           the user may send
-- The parameters are as of may_send, which says yes exactly where this is null for a member of a chat that is open.
CREATE OR REPLACE FUNCTION send_refusal(p_chat_id uuid, p_user_id uuid, p_needs chat_role, p_free chat_role, p_is_narrowed boolean, p_at timestamptz)
RETURNS TABLE (outcome text, details jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean;
  v_is_archived boolean;
  v_posting_role chat_role;
  v_role chat_role;
  v_muted timestamptz;
  v_last timestamptz;
  v_slow int;
BEGIN
  SELECT u.role = 'admin' AND c.kind <> 'direct', c.archived_at IS NOT NULL, c.posting_role, c.slow_seconds
    INTO v_is_admin, v_is_archived, v_posting_role, v_slow
  FROM users u, chats c WHERE u.id = p_user_id AND c.id = p_chat_id AND u.is_active AND c.deleted_at IS NULL;
  IF FOUND THEN
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.muted_until, m.last_sent_at INTO v_role, v_muted, v_last
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  IF p_is_narrowed THEN
    v_role := least(v_role, 'member');
  END IF;
  outcome := CASE
    WHEN v_is_admin IS NULL OR (v_role IS NULL AND NOT v_is_admin) THEN 'unreachable'
    WHEN NOT v_is_admin AND v_role < p_needs THEN 'role'
    WHEN v_is_archived THEN 'archived'
    WHEN v_is_admin THEN NULL
    WHEN v_role < v_posting_role THEN 'posting_role'
    WHEN v_muted > p_at THEN 'muted'
    WHEN v_slow > 0 AND v_role < p_free AND v_last + make_interval(secs => v_slow) > p_at THEN 'slow_mode' END;
  details := CASE outcome
    WHEN 'posting_role' THEN jsonb_build_object('needs', v_posting_role)
    WHEN 'slow_mode' THEN jsonb_build_object('retryAfterMs',
      ceil(extract(epoch FROM v_last + make_interval(secs => v_slow) - p_at) * 1000)::int) END;
  RETURN NEXT;
END
$$;

-- Adds, changes and removes many members of a chat at once, on an admin's word. p_user_ids: who is a member afterwards, with the role
-- in p_roles; null keeps the role of a member, and gives a new one the role that add_chat_member gives. p_removed_ids: who is no member
-- afterwards; with p_exactly it is everybody who is not in p_user_ids. Outcomes:
--   changed      one row for each change, in the order of their numbers, which are adjacent: removals first. kind is that of its event
--   member       then one row for each user of p_user_ids, in their order
--   no_admin     the actor is no longer an admin, or the sign-in has ended
--   direct       the chat is a direct chat, which has its two members for ever, and the actor is one of them
--   archived     the chat is archived, and this would be more than removals; nothing changes
--   no_chat      there is no such chat, or it is deleted, or it is a direct chat of others
--   too_many     this would be more than p_max_changes changes; nothing changes
-- Who is as asked already is not changed and takes no number. All ids are of users, and no user is named twice. An admin may take the
-- last owner away. subject is as of profile_as_json.
-- Each change is an act of the audit log: member.added, member.role_set or member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_members(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_user_ids uuid[], p_roles text[], p_removed_ids uuid[], p_exactly boolean, p_max_changes int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, kind text, subject jsonb, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_epoch text;
  v_chat_kind chat_kind;
  v_is_archived boolean;
  v_removed uuid[];
  -- Of each change, in the order of their numbers.
  v_ids uuid[];
  v_kinds text[];
  v_roles chat_role[];
  -- The role before it; null of who was no member.
  v_formers chat_role[];
  v_count int;
  -- The number before the first change.
  v_before int;
  v_mark bigint;
BEGIN
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND u.role = 'admin' AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    outcome := 'no_admin';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_chat_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR v_chat_kind = 'direct' THEN
    outcome := CASE WHEN v_chat_kind = 'direct' AND EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id) THEN 'direct' ELSE 'no_chat' END;
    RETURN NEXT;
    RETURN;
  END IF;
  v_now := clock_timestamp();

  IF p_exactly THEN
    v_removed := ARRAY(
      SELECT m.user_id FROM chat_memberships m
      WHERE m.chat_id = p_chat_id AND m.left_at IS NULL
        AND NOT EXISTS (SELECT FROM unnest(p_user_ids) AS kept (id) WHERE kept.id = m.user_id)
      ORDER BY m.user_seq LIMIT p_max_changes + 1);
  ELSE
    v_removed := ARRAY(
      SELECT m.user_id FROM unnest(p_removed_ids) WITH ORDINALITY AS given (id, place)
      JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id
      WHERE m.left_at IS NULL ORDER BY given.place);
  END IF;
  SELECT array_agg(w.id ORDER BY w.place), array_agg(w.kind ORDER BY w.place), array_agg(w.role ORDER BY w.place),
    array_agg(w.former ORDER BY w.place)
  INTO v_ids, v_kinds, v_roles, v_formers
  FROM (
    SELECT given.id, given.place,
      CASE WHEN m.user_id IS NULL OR m.left_at IS NOT NULL THEN 'member.added'
        WHEN given.role::chat_role <> m.role THEN 'member.updated' END AS kind,
      coalesce(given.role::chat_role, CASE WHEN m.left_at IS NULL THEN m.role ELSE least(m.role, 'member') END, 'member') AS role,
      CASE WHEN m.left_at IS NULL THEN m.role END AS former
    FROM unnest(p_user_ids, p_roles) WITH ORDINALITY AS given (id, role, place)
    LEFT JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id) w
  WHERE w.kind IS NOT NULL;
  v_count := cardinality(v_removed) + coalesce(cardinality(v_ids), 0);
  IF v_count > p_max_changes THEN
    outcome := 'too_many';
    RETURN NEXT;
    RETURN;
  ELSIF v_is_archived AND v_ids IS NOT NULL THEN
    outcome := 'archived';
    RETURN NEXT;
    RETURN;
  END IF;

  IF v_count > 0 THEN
    v_ids := v_removed || v_ids;
    v_kinds := array_fill('member.removed'::text, ARRAY[cardinality(v_removed)]) || v_kinds;
    v_roles := array_fill(NULL::chat_role, ARRAY[cardinality(v_removed)]) || v_roles;
    v_formers := ARRAY(SELECT member_role(p_chat_id, gone.id) FROM unnest(v_removed) WITH ORDINALITY AS gone (id, place) ORDER BY gone.place)
      || v_formers;
    SELECT n.seq - v_count, n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, v_count) n;
    UPDATE chat_memberships m SET left_at = v_now WHERE m.chat_id = p_chat_id AND m.user_id = ANY (v_removed);
    INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark, role)
    SELECT p_chat_id, w.id, v_now, v_before + w.place::int, v_mark, w.role
    FROM unnest(v_ids, v_kinds, v_roles) WITH ORDINALITY AS w (id, kind, role, place) WHERE w.kind = 'member.added'
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, joined_mark = excluded.joined_mark,
        left_at = NULL, role = excluded.role;
    UPDATE chat_memberships m SET role = w.role
    FROM unnest(v_ids, v_kinds, v_roles) AS w (id, kind, role)
    WHERE w.kind = 'member.updated' AND m.chat_id = p_chat_id AND m.user_id = w.id;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    SELECT p_chat_id, v_before + w.place::int, v_mark, w.kind, p_actor_id, w.id, v_now,
      CASE WHEN w.kind = 'member.removed' THEN '{"cause": "removed"}'::jsonb END
    FROM unnest(v_ids, v_kinds) WITH ORDINALITY AS w (id, kind, place);
    PERFORM write_audit_entries((
      SELECT jsonb_agg(jsonb_build_object('actor', p_actor_id, 'client', f.client_id, 'chat', p_chat_id, 'target', w.id,
        'action', CASE WHEN w.kind = 'member.updated' THEN 'member.role_set' ELSE w.kind END,
        'data', CASE w.kind WHEN 'member.added' THEN jsonb_build_object('role', w.role)
          WHEN 'member.removed' THEN jsonb_build_object('role', w.former)
          ELSE jsonb_build_object('role', w.role, 'before', w.former) END) ORDER BY w.place)
      FROM unnest(v_ids, v_kinds, v_roles, v_formers) WITH ORDINALITY AS w (id, kind, role, former, place)
      JOIN token_families f ON f.id = p_family_id));
  END IF;

  RETURN QUERY
    SELECT 'changed', v_epoch, v_before + w.place::int, v_now::timestamptz, w.kind, profile_as_json(u), m.role, m.joined_at::timestamptz
    FROM unnest(v_ids, v_kinds) WITH ORDINALITY AS w (id, kind, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = w.id JOIN users u ON u.id = w.id
    ORDER BY w.place;
  RETURN QUERY
    SELECT 'member', v_epoch, NULL::int, NULL::timestamptz, NULL::text, profile_as_json(u), m.role, m.joined_at::timestamptz
    FROM unnest(p_user_ids) WITH ORDINALITY AS given (id, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id JOIN users u ON u.id = given.id
    ORDER BY given.place;
END
$$;

-- Sets how a chat is shown to a member. p_notify is null for the default; p_sets_notify false and p_hidden null leave what is. Outcomes:
--   set         something changed
--   same        all of it was so before
--   no_chat, no_member   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_preferences(p_user_id uuid, p_chat_id uuid, p_sets_notify boolean, p_notify notify, p_hidden boolean)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_notify notify;
  v_hidden boolean;
BEGIN
  SELECT CASE WHEN p_sets_notify THEN p_notify ELSE m.notify END, coalesce(p_hidden, m.hidden),
      CASE WHEN (p_sets_notify AND p_notify IS DISTINCT FROM m.notify) OR p_hidden <> m.hidden THEN 'set' ELSE 'same' END
    INTO v_notify, v_hidden, outcome
  FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL FOR NO KEY UPDATE OF m;
  IF NOT FOUND THEN
    outcome := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'group' AND c.deleted_at IS NULL) THEN 'no_member' ELSE 'no_chat' END;
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET notify = v_notify, hidden = v_hidden, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  RETURN NEXT;
END
$$;

-- Gives a member another role, and writes the event member.updated. p_right is as of access_refusal. Outcomes:
--   updated      the member has the role now; the event has the number seq
--   repeated     the member had it already; nothing changes
--   last_owner   the chat would have no owner any more
--   no_member, and the refusals of lock_chat_for
-- A change is an act of the audit log, member.role_set.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
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
    PERFORM write_audit(p_actor_id, p_family_id, 'member.role_set', p_chat_id, p_user_id::text,
      jsonb_build_object('role', p_role, 'before', role));
  END IF;
  RETURN NEXT;
END
$$;

-- Pins a message in its chat or unpins it, and writes the event message.pinned or message.unpinned. p_right is as of
-- access_refusal. Outcomes:
--   changed      the event has the number seq
--   repeated     the message is pinned, or is not, already; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted, and cannot be pinned
--   full         the chat has p_max pins
--   and the refusals of lock_chat_for
-- No two pins of a chat have the same time, so their order is exact.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_pin(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb,
  p_pinned boolean, p_max int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
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
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
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
--   set          the membership's state_mark is this transaction's
--   same         it was so before; nothing changes
--   no_member    the user is no member of the chat
--   no_thread    the chat has no such message, or it has no replies
-- Who follows for the first time has read everything that is there.
-- The function waits at most 1 s for a row, then fails with SQLSTATE 55P03 and writes nothing.
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
  WHERE c.id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL FOR NO KEY UPDATE OF m;
  IF NOT FOUND THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT t.root_seq, CASE WHEN coalesce(f.following, false) = p_follow THEN 'same' ELSE 'set' END INTO root_seq, outcome
  FROM threads t LEFT JOIN thread_follows f ON f.user_id = p_user_id AND f.chat_id = t.chat_id AND f.root_seq = t.root_seq
  WHERE t.chat_id = p_chat_id AND t.root_seq = message_seq_of(p_chat_id, p_message_id);
  IF NOT FOUND THEN
    outcome := 'no_thread';
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET state_mark = pg_current_xact_id()::text::bigint WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    IF p_follow THEN
      PERFORM follow_thread(p_chat_id, set_thread_follow.root_seq, ARRAY[p_user_id], v_head);
    ELSE
      UPDATE thread_follows f SET following = false, mark = pg_current_xact_id()::text::bigint
      WHERE f.user_id = p_user_id AND f.chat_id = p_chat_id AND f.root_seq = set_thread_follow.root_seq AND f.following;
    END IF;
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
