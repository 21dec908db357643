-- DropForeignKey
ALTER TABLE "reports" DROP CONSTRAINT "reports_chat_id_fkey";

-- CreateTable
CREATE TABLE "sender_deletions" (
    "chat_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "actor_id" UUID,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "up_to_seq" INTEGER NOT NULL,
    "taken_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sender_deletions_pkey" PRIMARY KEY ("chat_id","user_id")
);

-- CreateIndex
CREATE INDEX "sender_deletions_user_id_idx" ON "sender_deletions"("user_id");

-- CreateIndex
CREATE INDEX "sender_deletions_actor_id_idx" ON "sender_deletions"("actor_id");

-- AddForeignKey
ALTER TABLE "sender_deletions" ADD CONSTRAINT "sender_deletions_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sender_deletions" ADD CONSTRAINT "sender_deletions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sender_deletions" ADD CONSTRAINT "sender_deletions_actor_id_fkey" FOREIGN KEY ("actor_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

DROP FUNCTION ban_user(uuid, uuid, uuid, uuid, jsonb, timestamp with time zone, text);

-- Bans a user from a chat until p_until (null: for ever), and ends the membership, if the user has one, with the event member.removed. An
-- invitation that is open ends too: it shows the chat.
-- p_right is as of access_refusal. Outcomes:
--   removed      the user is banned, and no member any more; the event has the number seq
--   banned       the user is banned, and was no member
--   repeated     the user was banned so already; nothing changes
--   past         p_until is not in the future
--   rank         the user is the actor, or a member whose role is not lower than the actor's; a user who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   no_user, and the refusals of lock_chat_for
-- p_reason is for the moderators and the audit log. p_deletes says which messages of the user go, as DeleteSpan in
-- src/domain/chats/bans.ts: that is put down in sender_deletions, and they are deleted behind this transaction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION ban_user(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_until timestamptz, p_reason text,
  p_deletes text DEFAULT 'none')
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_member boolean;
  v_is_admin boolean;
  v_mark bigint;
  v_data jsonb;
BEGIN
  until := p_until::timestamptz(3);
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_is_admin := (SELECT u.role = 'admin' FROM users u WHERE u.id = p_user_id);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.joined_at INTO role, joined_at FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    v_is_member := role IS NOT NULL;
    outcome := CASE
      WHEN ban_user.until <= at THEN 'past'
      WHEN v_is_admin IS NULL THEN 'no_user'
      WHEN p_user_id = p_actor_id OR (v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role)) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      WHEN v_is_member THEN 'removed'
      WHEN EXISTS (SELECT 1 FROM chat_bans b WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id
        AND b.until IS NOT DISTINCT FROM ban_user.until AND b.reason IS NOT DISTINCT FROM p_reason) THEN 'repeated'
      ELSE 'banned' END;
    IF outcome = 'rank' AND (v_is_admin OR role IS NULL) THEN
      role := 'owner';
    END IF;
  END IF;
  IF outcome IN ('removed', 'banned') THEN
    v_data := CASE WHEN ban_user.until IS NULL THEN '{}' ELSE jsonb_build_object('until', iso_time(ban_user.until)) END;
    IF outcome = 'removed' THEN
      UPDATE chat_memberships m SET left_at = ban_user.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
      PERFORM count_members(p_chat_id, -1);
      SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
      VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at, v_data || '{"cause": "banned"}');
    END IF;
    UPDATE invitations i SET expires_at = ban_user.at, mark = pg_current_xact_id()::text::bigint
    WHERE i.chat_id = p_chat_id AND i.user_id = p_user_id AND i.expires_at > ban_user.at;
    INSERT INTO chat_bans AS b (chat_id, user_id, until, by_id, at, reason)
    VALUES (p_chat_id, p_user_id, ban_user.until, p_actor_id, ban_user.at, p_reason)
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET until = excluded.until, by_id = excluded.by_id, at = excluded.at, reason = excluded.reason;
  END IF;
  IF outcome IN ('removed', 'banned', 'repeated') AND p_deletes <> 'none' THEN
    -- Who asked works on it for a moment; after that every process may.
    INSERT INTO sender_deletions AS d (chat_id, user_id, actor_id, since, up_to_seq, taken_until)
    SELECT p_chat_id, p_user_id, p_actor_id, CASE p_deletes
        WHEN 'hour' THEN ban_user.at - interval '1 hour' WHEN 'day' THEN ban_user.at - interval '1 day'
        WHEN 'week' THEN ban_user.at - interval '7 days' WHEN 'all' THEN '-infinity' END,
      c.last_seq, ban_user.at + interval '5 s'
    FROM chats c WHERE c.id = p_chat_id
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET actor_id = excluded.actor_id, since = least(d.since, excluded.since), up_to_seq = excluded.up_to_seq, taken_until = excluded.taken_until;
  END IF;
  IF outcome IN ('removed', 'banned') THEN
    PERFORM write_audit(p_actor_id, p_family_id, 'user.banned', p_chat_id, p_user_id::text,
      v_data || CASE WHEN p_deletes = 'none' THEN '{}' ELSE jsonb_build_object('deletes', p_deletes) END, p_reason);
  END IF;
  RETURN NEXT;
END
$$;

-- Returns what chats are to their members: a row for each pair of the lists p_user_ids and p_chat_ids where the user is a member, all of
-- one moment. What is unread is counted from the rows, each time.
--   messages    unread messages of the main timeline: not deleted, not the user's own, and behind the read marker, the number at which
--               the user joined and what was truncated. One more than p_max_unread when there are more
--   first_seq   the oldest of them
--   mentions    messages of others in the main timeline that mention the user, by a name that was added or to everybody, behind the same
--               number; at most p_max_unread. The mention counts and not the message: an edit of a read message may add one. Those by
--               somebody whom the user has blocked do not count
--   threads     threads that the user follows with a reply of others behind the thread's marker; at most p_max_unread
--   notify      what the member chose; without a choice "all", and "mentions" in a chat of more than p_all_up_to members
--
-- p_known has what the caller knows of earlier calls for each pair; null for a pair of which nothing is known, and null when nothing is
-- known at all: {"epoch", "after", "upTo", "candidates"} says that of the messages behind the number after, up to upTo, none counts as
-- unread but the candidates. That stays true: a message can only cease to count. When much was read, known returns what is known
-- now, for the next call.
--
-- A call reads at most about p_most_rows messages that do not count, and of each chat at least p_max_unread, so that a long count keeps no
-- short one waiting. is_complete is false for a chat for which that was not enough: its counts are null, and the next call goes on from
-- known. For the rest, the cost depends on the unread mentions, those that do not count too, and on how many threads of
-- the chat the user follows, about 2 µs each.
CREATE OR REPLACE FUNCTION chat_states(p_user_ids uuid[], p_chat_ids uuid[], p_known jsonb[], p_max_unread int, p_all_up_to int, p_most_rows int)
RETURNS TABLE (user_id uuid, chat_id uuid, role chat_role, read_seq int, messages int, first_seq int, mentions int, threads int,
  notify notify, hidden boolean, muted_until timestamptz, is_complete boolean, known jsonb)
LANGUAGE plpgsql
STABLE
-- A plan made while the tables were small would read them whole, and stay in use as they grow. While they are small, every index that
-- begins with chat_id looks as good as the primary key, so rows are looked up with BETWEEN and ORDER BY, which without a sort takes the
-- order of the key.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- What a switch costs that the planner could not obey would begin a compilation.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  i int;
  v_rows_left int := p_most_rows;
  v_epoch text;
  v_head int;
  v_joined int;
  -- What is at or below this number is read.
  v_after int;
  v_known jsonb;
  v_seqs int[];
  v_scanned_to int;
  v_rows_read int;
  -- Whom the user has blocked.
  v_blocked uuid[];
BEGIN
  FOR i IN 1 .. cardinality(p_user_ids) LOOP
    IF i = 1 OR p_user_ids[i] IS DISTINCT FROM p_user_ids[i - 1] THEN
      v_blocked := ARRAY(SELECT b.blocked_id FROM user_blocks b WHERE b.user_id = p_user_ids[i]);
    END IF;
    -- In a direct chat it is no mute, but a block (set_block).
    SELECT m.user_id, m.chat_id, m.role, m.read_seq, m.joined_seq, m.hidden,
        CASE WHEN m.muted_until > now() AND c.kind <> 'direct' THEN m.muted_until END,
        coalesce(m.notify, CASE WHEN c.member_count > p_all_up_to THEN 'mentions' ELSE 'all' END::notify),
        c.epoch, c.last_seq, greatest(m.read_seq, m.joined_seq, c.first_seq - 1)
      INTO user_id, chat_id, role, read_seq, v_joined, hidden, muted_until, notify, v_epoch, v_head, v_after
    FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL AND c.deleted_at IS NULL;
    CONTINUE WHEN NOT FOUND;

    v_seqs := '{}';
    v_scanned_to := v_after;
    v_known := p_known[i];
    IF v_known ->> 'epoch' = v_epoch AND v_after BETWEEN (v_known ->> 'after')::int AND (v_known ->> 'upTo')::int
      AND (v_known ->> 'upTo')::int <= v_head
    THEN
      v_scanned_to := (v_known ->> 'upTo')::int;
      v_seqs := array(SELECT candidate.seq::int FROM jsonb_array_elements_text(v_known -> 'candidates') AS candidate (seq)
        WHERE candidate.seq::int > v_after
          AND (SELECT m.flags & 3 = 0 FROM messages m
            WHERE m.chat_id = p_chat_ids[i] AND m.seq BETWEEN candidate.seq::int AND candidate.seq::int ORDER BY m.seq LIMIT 1)
        ORDER BY 1);
    ELSE
      v_known := NULL;
    END IF;
    v_rows_read := 0;
    IF cardinality(v_seqs) <= p_max_unread THEN
      SELECT v_seqs || u.seqs, u.scanned_to, u.rows_read INTO v_seqs, v_scanned_to, v_rows_read
      FROM unread_seqs(p_chat_ids[i], p_user_ids[i], v_scanned_to, v_head, p_max_unread + 1 - cardinality(v_seqs), greatest(v_rows_left, 1)) u;
      v_rows_left := v_rows_left - v_rows_read;
    END IF;
    known := CASE WHEN v_known IS NOT NULL OR v_rows_read > 1000 THEN
      jsonb_build_object('epoch', v_epoch, 'after', v_after, 'upTo', v_scanned_to, 'candidates', v_seqs) END;

    is_complete := cardinality(v_seqs) > p_max_unread OR v_scanned_to >= v_head;
    messages := CASE WHEN is_complete THEN cardinality(v_seqs) END;
    first_seq := v_seqs[1];
    mentions := NULL;
    threads := NULL;
    IF is_complete THEN
      -- A message has one row for each user whom it names: a part that has p_max_unread rows is enough. Subqueries of one row each: the
      -- planner cannot begin with all messages or all threads of the chat.
      mentions := (SELECT count(*) FROM (
        SELECT named.seq FROM (
          SELECT n.message_seq AS seq FROM mentions n
          WHERE n.user_id = p_user_ids[i] AND n.chat_id = p_chat_ids[i] AND n.at_seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> n.user_id AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = n.chat_id AND m.seq BETWEEN n.message_seq AND n.message_seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) named
        UNION
        SELECT everybody.seq FROM (
          SELECT x.seq FROM message_extras x WHERE x.chat_id = p_chat_ids[i] AND x.mention_all AND x.seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> p_user_ids[i] AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) everybody
        LIMIT p_max_unread) mentioning);
      threads := (SELECT count(*) FROM (
        SELECT 1 FROM thread_follows f WHERE f.user_id = p_user_ids[i] AND f.chat_id = p_chat_ids[i] AND f.following
          AND (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
            ORDER BY t.root_seq LIMIT 1) > greatest(f.read_seq, v_joined)
          AND (SELECT true FROM message_extras x WHERE x.chat_id = f.chat_id AND x.thread_root_seq = f.root_seq
              AND x.seq > greatest(f.read_seq, v_joined) AND x.deleted_at IS NULL
              AND (SELECT m.sender_id FROM messages m
                WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1) <> f.user_id
            ORDER BY x.seq LIMIT 1)
        LIMIT p_max_unread) unread);
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;

-- Ends a chat, on an admin's word: writes the event chat.deleted, its last. The name and the external id are free.
-- The memberships' rows stay as they are, so it takes as long for a hundred thousand members as for one. Nobody is a member of a deleted
-- chat: whoever asks for a membership asks for deleted_at too. Who was one to the end, by a row without left_at, may read the log up to
-- here for as long as it is kept.
-- p_right is as of access_refusal. Outcomes: deleted (the event has the number seq), and the refusals of lock_chat_for.
-- A deletion is an act of the audit log, chat.deleted.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_chat(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    outcome := 'deleted';
    at := clock_timestamp()::timestamptz(3);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'chat.deleted', p_actor_id, at);
    UPDATE chats c SET deleted_at = delete_chat.at, name_key = NULL, external_id = NULL, member_count = 0 WHERE c.id = p_chat_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'chat.deleted', p_chat_id, NULL);
  END IF;
  RETURN NEXT;
END
$$;

-- Returns what a client of the user's inbox has to be told, in one snapshot: a row for each chat of which the user is a member, or was
-- one since the client's position. from_seq: the client has the changes up to this one. changes: the user's own joins (numbers) and
-- removals (negative numbers) since the position, or more of them; the deletion of a chat removes all members of then. state_due: the user's own state of the chat has changed since.
-- One more row, without a chat, has what is of the snapshot: xmin is its lowest running transaction, newest the highest of the user's marks.
-- The position (src/domain/mine/inbox-position.ts): levels as p_ids_below (null for no bound) and p_below, exceptions as p_chat_ids and
-- p_seqs. Without levels the client has everything up to now. Fewer than p_most changes are read; with more, instance is null.
CREATE OR REPLACE FUNCTION inbox_chats(p_user_id uuid, p_ids_below uuid[], p_below float8[], p_states_below float8, p_chat_ids uuid[], p_seqs int[], p_most int)
RETURNS TABLE (instance text, xmin float8, newest float8, chat_id uuid, epoch text, seq int, mark float8, is_member boolean, from_seq int, changes int[], state_due boolean)
LANGUAGE sql
STABLE
SET enable_seqscan = off
SET jit = off
AS $$
  WITH since AS MATERIALIZED (
    -- The client may lack changes of an exception that are older than its level: from the first of them on.
    SELECT least((SELECT min(l.below) FROM unnest(p_below) AS l (below)), (
      SELECT min(next.mark) FROM unnest(p_chat_ids, p_seqs) AS x (chat_id, seq) CROSS JOIN LATERAL (
        (SELECT m.mark FROM messages m WHERE m.chat_id = x.chat_id AND m.seq > x.seq ORDER BY m.seq LIMIT 1)
        UNION ALL
        (SELECT e.mark FROM chat_events e WHERE e.chat_id = x.chat_id AND e.seq > x.seq ORDER BY e.seq LIMIT 1)) next)) AS mark
  ), changed AS MATERIALIZED (
    SELECT e.chat_id, e.seq, e.mark, e.kind FROM chat_events e
    WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%' AND e.mark >= (SELECT since.mark FROM since)
    ORDER BY e.mark LIMIT p_most
  ), changes AS MATERIALIZED (
    SELECT x.chat_id, array_agg(CASE x.kind WHEN 'member.added' THEN x.seq ELSE -x.seq END ORDER BY x.seq)
      FILTER (WHERE x.kind IN ('member.added', 'member.removed')) AS seqs
    FROM changed x GROUP BY x.chat_id
  ), wanted AS (
    -- Also of chats that were deleted, to whose end the user was a member.
    SELECT m.chat_id, true AS has_stayed, m.state_mark >= p_states_below AS state_due
    FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL
    UNION ALL
    SELECT x.chat_id, false, false FROM changes x WHERE NOT EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = x.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL)
  ), leveled AS (
    SELECT c.id, c.epoch, c.last_seq, c.mark, x.seq AS excepted, w.has_stayed AND c.deleted_at IS NULL AS is_member,
      w.state_due AND c.deleted_at IS NULL AS state_due, w.has_stayed AND c.deleted_at IS NOT NULL AS is_ended,
      -- Nearly always there is one level.
      CASE WHEN cardinality(p_below) = 1 THEN p_below[1] ELSE (
        SELECT l.below FROM unnest(p_ids_below, p_below) WITH ORDINALITY AS l (id_below, below, place)
        WHERE l.id_below IS NULL OR c.id < l.id_below ORDER BY l.place LIMIT 1) END AS below
    FROM wanted w JOIN chats c ON c.id = w.chat_id
    LEFT JOIN unnest(p_chat_ids, p_seqs) AS x (chat_id, seq) ON x.chat_id = c.id
  ), started AS MATERIALIZED (
    SELECT l.*, CASE WHEN l.is_ended THEN ARRAY[-l.last_seq] ELSE '{}' END AS ended, CASE
        WHEN l.excepted IS NOT NULL THEN least(l.excepted, l.last_seq)
        WHEN l.below IS NULL OR l.mark < l.below THEN l.last_seq
        ELSE chat_seq_at(l.id, l.below) END AS from_seq
    FROM leveled l
  )
  SELECT CASE WHEN (SELECT count(*) FROM changed) < p_most THEN d.epoch END, pg_snapshot_xmin(pg_current_snapshot())::text::float8,
    greatest((SELECT max(s.mark) FROM started s), (SELECT max(e.mark) FROM chat_events e WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%'), 0)::float8,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM deployment d WHERE d.is_only
  UNION ALL
  SELECT NULL, NULL, NULL, s.id, s.epoch, s.last_seq, s.mark::float8, s.is_member, s.from_seq, coalesce(h.seqs, '{}') || s.ended, s.state_due
  FROM started s LEFT JOIN changes h ON h.chat_id = s.id
$$;

-- Returns the user's chats, the one with the newest activity first: the number and mark of its newest message (replies in threads
-- included), or of the user's joining. Hidden chats alone, or the others. p_mark, p_at and p_chat_id are those of the last chat of the
-- page before. p_chat_ids: of these chats only; null for all.
-- A chat's mark is at least that of its newest message. So the chats with the highest marks are read first, more of them until the
-- page cannot change any more: the newest message of few chats is looked up, not of all.
CREATE OR REPLACE FUNCTION inbox_page(p_user_id uuid, p_hidden boolean, p_first int, p_mark bigint, p_at timestamptz, p_chat_id uuid,
  p_chat_ids uuid[] DEFAULT NULL)
RETURNS TABLE (chat_id uuid, mark bigint, at timestamptz)
LANGUAGE plpgsql
STABLE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_read int := 2 * p_first + 20;
  v_found int;
  v_lowest bigint;
  v_is_all boolean;
  v_chats uuid[];
  v_marks bigint[];
  v_ats timestamptz[];
BEGIN
  LOOP
    WITH mine AS MATERIALIZED (
      SELECT c.id, c.mark, c.mark_base, m.joined_at, CASE WHEN m.joined_seq > c.mark_base THEN m.joined_mark ELSE 0 END AS joined_mark
      FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
      WHERE m.user_id = p_user_id AND m.left_at IS NULL AND c.deleted_at IS NULL AND m.hidden = p_hidden
        AND (p_chat_ids IS NULL OR m.chat_id = ANY (p_chat_ids)) ORDER BY c.mark DESC LIMIT v_read
    ), active AS (
      SELECT mine.id, coalesce(CASE WHEN n.seq > mine.mark_base THEN n.mark ELSE 0 END, mine.joined_mark) AS mark,
        coalesce(n.created_at, mine.joined_at) AS at
      FROM mine LEFT JOIN LATERAL (
        SELECT n.seq, n.mark, n.created_at FROM messages n WHERE n.chat_id = mine.id ORDER BY n.seq DESC LIMIT 1) n
        ON true
    ), page AS (
      SELECT a.* FROM active a
      WHERE p_chat_id IS NULL OR (a.mark, a.at, a.id) < (p_mark, p_at, p_chat_id)
      ORDER BY a.mark DESC, a.at DESC, a.id DESC LIMIT p_first
    )
    SELECT count(*) < v_read, min(mine.mark), (SELECT array_agg(p.id ORDER BY p.mark DESC, p.at DESC, p.id DESC) FROM page p),
      (SELECT array_agg(p.mark ORDER BY p.mark DESC, p.at DESC, p.id DESC) FROM page p),
      (SELECT array_agg(p.at ORDER BY p.mark DESC, p.at DESC, p.id DESC) FROM page p)
    INTO v_is_all, v_lowest, v_chats, v_marks, v_ats FROM mine;
    v_found := coalesce(cardinality(v_chats), 0);
    -- A chat that was not read has a mark of at most v_lowest.
    EXIT WHEN v_is_all OR (v_found = p_first AND v_marks[v_found] > v_lowest);
    v_read := v_read * 4;
  END LOOP;
  RETURN QUERY SELECT p.* FROM unnest(v_chats, v_marks, v_ats) AS p;
END
$$;

-- Returns the role of a user by whose sign-in something is done; null when the user is not active, or the sign-in has ended. A sign-in
-- that is narrowed to chats is never an admin's: it ends with the promotion. Locks the rows of both until COMMIT, so a demotion, a deactivation or a sign-out comes wholly before this transaction or after it. Lock them
-- before everything else: whoever waits for them holds up nobody then. With p_waits false it is null too while somebody else has locked them.
CREATE OR REPLACE FUNCTION lock_sign_in(p_user_id uuid, p_family_id uuid, p_waits boolean DEFAULT true)
RETURNS user_role
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT p_waits THEN
    RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
      WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND (f.chat_ids IS NULL OR u.role <> 'admin')
        AND is_vouched_for(f.issued_by, u.role)
      FOR SHARE OF u, f SKIP LOCKED);
  END IF;
  RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND (f.chat_ids IS NULL OR u.role <> 'admin')
      AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f);
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
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, CASE WHEN m.muted_until > set_member_role.at THEN m.muted_until END, m.left_at IS NULL
      INTO role, joined_at, muted_until, v_is_member
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_is_member IS NOT TRUE THEN 'no_member'
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

-- Who was a member to the end of a chat has a membership that has not ended.
UPDATE chat_memberships m SET left_at = NULL FROM chats c WHERE c.id = m.chat_id AND c.deleted_at IS NOT NULL AND m.left_at = c.deleted_at;
