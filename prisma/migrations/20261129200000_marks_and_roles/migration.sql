-- What the log needs so that edits, deletions, roles and one position over all chats can be built on it.

-- Marks order what happens in different chats, see src/domain/log/marks.ts. What is older than they are has mark 0.
ALTER TABLE chats
    ADD COLUMN first_seq int NOT NULL DEFAULT 1,
    ADD COLUMN mark bigint NOT NULL DEFAULT 0,
    ADD COLUMN mark_base int NOT NULL DEFAULT 0;

-- flags says what a message has beside its row. Both columns keep a message's row without a null but the nonce: a row with a null
-- in a table of more than eight columns is eight bytes longer.
ALTER TABLE messages
    ADD COLUMN mark bigint NOT NULL DEFAULT 0,
    ADD COLUMN flags smallint NOT NULL DEFAULT 0;

-- A membership that ended stays, with what restricted it. Roles are in ascending order of rights.
CREATE TYPE chat_role AS ENUM ('reader', 'member', 'moderator', 'owner');
ALTER TABLE chat_memberships
    ADD COLUMN role chat_role NOT NULL DEFAULT 'member',
    ADD COLUMN joined_seq int NOT NULL DEFAULT 0,
    ADD COLUMN left_at timestamptz(3),
    ADD COLUMN muted_until timestamptz(3);

-- Lists of members skip those who left, however many.
DROP INDEX chat_memberships_chat_id_user_seq_key;
CREATE INDEX chat_memberships_present_idx ON chat_memberships (chat_id, user_seq) WHERE left_at IS NULL;
-- Whether a chat has another owner is asked under its lock.
CREATE INDEX chat_memberships_owners_idx ON chat_memberships (chat_id) WHERE role = 'owner';

-- A kind is a text: a value can be added to an enum only before the migration that uses it. The names are those of the wire.
ALTER TABLE chat_events ALTER COLUMN type TYPE text USING replace(type::text, '_', '.');
ALTER TABLE chat_events RENAME COLUMN type TO kind;
ALTER TABLE chat_events
    ALTER COLUMN subject_id DROP NOT NULL,
    ADD COLUMN mark bigint NOT NULL DEFAULT 0,
    ADD COLUMN message_seq int,
    ADD COLUMN data jsonb;
DROP TYPE chat_event_type;

UPDATE chat_memberships m SET joined_seq = joined.seq FROM (
    SELECT chat_id, subject_id, max(seq) AS seq FROM chat_events WHERE kind = 'member.added' GROUP BY chat_id, subject_id) joined
WHERE joined.chat_id = m.chat_id AND joined.subject_id = m.user_id;

-- Names what positions over all chats count in, as chats.epoch does for one chat.
ALTER TABLE deployment ADD COLUMN epoch varchar(16) NOT NULL DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 16);

DROP FUNCTION add_chat_member(uuid, uuid, uuid);
DROP FUNCTION append_messages(uuid[], uuid[], uuid[], text[], text[], integer);
DROP FUNCTION remove_chat_member(uuid, uuid, uuid);

-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   no_chat, no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member".
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
BEGIN
  SELECT c.epoch INTO v_epoch FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_chat', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
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
  INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq) VALUES (p_chat_id, p_user_id, v_now, v_seq)
  ON CONFLICT (chat_id, user_id) DO UPDATE
    SET joined_at = v_now, joined_seq = v_seq, left_at = NULL, role = least(m.role, 'member')
  RETURNING m.role INTO v_role;
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, v_mark, 'member.added', p_actor_id, p_user_id, v_now);
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role;
END
$$;

-- Appends messages of any senders to any chats. Returns a row for each message, in the order given. Outcomes:
--   created        stored with the next number of its chat
--   repeated       the sender sent it to this chat before, with this nonce; the row is the earlier message
--   nonce_reused   as repeated, but the content differs
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
        outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
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

-- Returns the rights of a user in a chat: 'admin', or the role of the user's membership, or
--   outsider     the user is neither an admin nor a member
--   signed_out   the user is not active, or the sign-in has ended
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
  IF v_role = 'admin' THEN
    RETURN 'admin';
  END IF;
  RETURN coalesce((SELECT m.role::text FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL), 'outsider');
END
$$;

-- Returns whether this owner is the chat's only one. The caller has locked the chat's row.
CREATE OR REPLACE FUNCTION is_last_owner(p_chat_id uuid, p_user_id uuid)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT NOT EXISTS (SELECT 1 FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.role = 'owner' AND m.left_at IS NULL AND m.user_id <> p_user_id AND u.is_active)
$$;

-- Locks a chat's row until COMMIT, and checks that the user is an admin or has at least the role p_needs there. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat
--   outsider, signed_out   as of chat_standing
--   role                   the user's role is lower than p_needs
-- The user's own rows are locked first, as in every statement on an admin's word: whoever waits for them holds up no chat.
-- p_family_id is null for an operator, who may do everything. standing is 'admin' for admins and operators, otherwise the result of
-- chat_standing.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, standing text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
  standing := CASE WHEN p_family_id IS NULL THEN 'admin' ELSE chat_standing(p_chat_id, p_user_id, p_family_id) END;
  -- Once before the chat's row is locked, and once more when the role can change no more.
  FOR i IN 1 .. 2 LOOP
    outcome := CASE
      WHEN standing = 'admin' THEN 'locked'
      WHEN standing IN ('outsider', 'signed_out') THEN standing
      WHEN standing::chat_role < p_needs THEN 'role'
      ELSE 'locked' END;
    EXIT WHEN outcome <> 'locked' OR i = 2;
    SELECT c.epoch INTO epoch FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      outcome := 'no_chat';
      EXIT;
    END IF;
    IF standing <> 'admin' THEN
      standing := coalesce((SELECT m.role::text FROM chat_memberships m
        WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL), 'outsider');
    END IF;
  END LOOP;
  RETURN NEXT;
END
$$;

-- Ends a membership, and writes the event member.removed. p_needs is the lowest role that may do it (chats/rights.ts). Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
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
  v_is_admin boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
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
--   no_member, and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
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
  END IF;
  RETURN NEXT;
END
$$;

-- Takes the next number of a chat for one change, and locks the chat's row until COMMIT: numbers are dense and become visible in
-- their order. Returns no row when there is no such chat. append_messages does the same for many messages at once.
--
-- mark: the highest transaction id that has written to the chat so far. The change's row stores it. It never falls from one
-- number to the next, so the rows with marks below a snapshot's xmin are a prefix of the chat's log (src/domain/log/marks.ts).
CREATE OR REPLACE FUNCTION take_number(p_chat_id uuid)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE sql
AS $$
  UPDATE chats c SET last_seq = c.last_seq + 1, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark
$$;
