-- Returns the summary of a message's reactions, counted from the rows: for each emoji, in the order of the first reactions, the count
-- and the ids of at most 20 users, those who reacted last first (MAX_SUMMARY_USERS in src/domain/log/chat-message.ts). An empty array
-- when there are none.
CREATE OR REPLACE FUNCTION reactions_as_json(p_chat_id uuid, p_seq int)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('emoji', e.emoji, 'count', e.count, 'users', to_jsonb(e.users)) ORDER BY e.first_at, e.emoji), '[]')
    FROM (
      SELECT r.emoji, count(*) AS count, min(r.at) AS first_at, (array_agg(r.user_id ORDER BY r.at DESC, r.user_id DESC))[1:20] AS users
      FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq GROUP BY r.emoji) e);
END
$$;
