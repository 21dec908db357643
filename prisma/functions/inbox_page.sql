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
