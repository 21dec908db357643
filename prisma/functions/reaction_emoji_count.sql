-- Returns how many different emoji a message's reactions have. Reads one row of each, not every reaction.
CREATE OR REPLACE FUNCTION reaction_emoji_count(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (
    WITH RECURSIVE found (emoji) AS (
      (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq ORDER BY r.emoji LIMIT 1)
      UNION ALL
      SELECT (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq AND r.emoji > f.emoji ORDER BY r.emoji LIMIT 1)
      FROM found f WHERE f.emoji IS NOT NULL)
    SELECT count(emoji)::int FROM found);
END
$$;
