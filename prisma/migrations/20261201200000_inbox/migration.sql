-- Returns the number of the newest change of a chat whose mark is below p_below; marks never fall along a chat's log. Changes up to
-- mark_base have marks of another server, which count as 0.
-- It doubles its steps down from the head and then halves them: the cost grows with the logarithm of what is newer.
CREATE OR REPLACE FUNCTION chat_seq_at(p_chat_id uuid, p_below float8)
RETURNS int
LANGUAGE plpgsql
STABLE
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
AS $$
DECLARE
  -- The changes up to v_low have lower marks; v_high has one that is not lower.
  v_low int;
  v_high int;
  v_step int := 1;
  v_middle int;
  v_seq int;
  v_mark bigint;
BEGIN
  SELECT c.mark_base, c.last_seq, c.mark INTO v_low, v_high, v_mark FROM chats c WHERE c.id = p_chat_id;
  IF NOT FOUND OR v_mark < p_below THEN
    RETURN v_high;
  END IF;
  WHILE v_high - v_low > 1 LOOP
    v_middle := v_high - v_step;
    IF v_step = 0 OR v_middle <= v_low THEN
      v_step := 0;
      v_middle := (v_low + v_high) / 2;
    END IF;
    SELECT l.seq, l.mark INTO v_seq, v_mark FROM (
      (SELECT m.seq, m.mark FROM messages m WHERE m.chat_id = p_chat_id AND m.seq <= v_middle ORDER BY m.seq DESC LIMIT 1)
      UNION ALL
      (SELECT e.seq, e.mark FROM chat_events e WHERE e.chat_id = p_chat_id AND e.seq <= v_middle ORDER BY e.seq DESC LIMIT 1)
    ) l ORDER BY l.seq DESC LIMIT 1;
    IF NOT FOUND OR v_seq <= v_low OR v_mark < p_below THEN
      v_low := v_middle;
      v_step := 0;
    ELSE
      v_high := v_seq;
      v_step := v_step * 2;
    END IF;
  END LOOP;
  RETURN v_low;
END
$$;

-- Returns what a client of the user's inbox has to be told, in one snapshot: a row for each chat of which the user is a member, or was
-- one since the client's position. from_seq: the client has the changes up to this one. changes: the user's own joins (numbers) and
-- removals (negative numbers) since. state_due: the user's own state of the chat has changed since. xmin is the snapshot's lowest
-- running transaction. A user without chats gets one row without a chat.
-- The position (src/domain/mine/inbox-position.ts): levels as p_ids_below (null for no bound) and p_below, exceptions as p_chat_ids and
-- p_seqs. Without levels the client has everything up to now. Fewer than p_most changes are read; with more, instance is null.
CREATE OR REPLACE FUNCTION inbox_chats(p_user_id uuid, p_ids_below uuid[], p_below float8[], p_states_below float8, p_chat_ids uuid[], p_seqs int[], p_most int)
RETURNS TABLE (instance text, xmin float8, newest float8, chat_id uuid, epoch text, seq int, mark float8, is_member boolean, from_seq int, changes int[], state_due boolean)
LANGUAGE sql
STABLE
SET enable_seqscan = off
SET jit = off
AS $$
  WITH levels AS MATERIALIZED (
    SELECT l.id_below, l.below, l.place FROM unnest(p_ids_below, p_below) WITH ORDINALITY AS l (id_below, below, place)
  ), changed AS MATERIALIZED (
    SELECT e.chat_id, e.seq, e.mark, e.kind FROM chat_events e
    WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%' AND e.mark >= (SELECT min(below) FROM levels)
    ORDER BY e.mark LIMIT p_most
  ), wanted AS MATERIALIZED (
    SELECT m.chat_id, true AS is_member, m.state_mark >= p_states_below AS state_due
    FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL
    UNION ALL
    SELECT DISTINCT x.chat_id, false, false FROM changed x WHERE NOT EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = x.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL)
  ), started AS MATERIALIZED (
    SELECT c.id, c.epoch, c.last_seq, c.mark, w.is_member, w.state_due,
      CASE
        WHEN x.seq IS NOT NULL THEN least(x.seq, c.last_seq)
        WHEN l.below IS NULL OR c.mark < l.below THEN c.last_seq
        ELSE chat_seq_at(c.id, l.below) END AS from_seq
    FROM wanted w JOIN chats c ON c.id = w.chat_id
    LEFT JOIN unnest(p_chat_ids, p_seqs) AS x (chat_id, seq) ON x.chat_id = c.id
    LEFT JOIN LATERAL (
      SELECT levels.below FROM levels WHERE levels.id_below IS NULL OR c.id < levels.id_below ORDER BY levels.place LIMIT 1) l ON true
  )
  SELECT CASE WHEN (SELECT count(*) FROM changed) < p_most THEN d.epoch END, pg_snapshot_xmin(pg_current_snapshot())::text::float8,
    greatest((SELECT max(s.mark) FROM started s), (SELECT max(e.mark) FROM chat_events e WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%'), 0)::float8,
    s.id, s.epoch, s.last_seq, s.mark::float8, s.is_member, s.from_seq,
    (SELECT array_agg(CASE x.kind WHEN 'member.added' THEN x.seq ELSE -x.seq END ORDER BY x.seq) FROM changed x
      WHERE x.chat_id = s.id AND x.seq > s.from_seq AND x.kind IN ('member.added', 'member.removed')),
    s.state_due
  FROM deployment d LEFT JOIN started s ON true WHERE d.is_only
$$;

-- Returns the user's chats, the one with the newest activity first: the number and mark of its newest message (replies in threads
-- included), or of the user's joining. Hidden chats alone, or the others. p_mark, p_at and p_chat_id are those of the last chat of the
-- page before.
-- A chat's mark is at least that of its newest message. So the chats with the highest marks are read first, more of them until the
-- page cannot change any more: the newest message of few chats is looked up, not of all.
CREATE OR REPLACE FUNCTION inbox_page(p_user_id uuid, p_hidden boolean, p_first int, p_mark bigint, p_at timestamptz, p_chat_id uuid)
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
      WHERE m.user_id = p_user_id AND m.left_at IS NULL AND m.hidden = p_hidden ORDER BY c.mark DESC LIMIT v_read
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
