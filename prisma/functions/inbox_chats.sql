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
