-- Returns the number of the newest message of a chat's main timeline up to a number; 0 when there is none. Deleted messages count:
-- they keep their place.
CREATE OR REPLACE FUNCTION timeline_seq_at(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce(
    (SELECT CASE WHEN m.flags & 2 = 0 THEN m.seq ELSE
        (SELECT x.timeline_seq FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = m.seq) END
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq <= p_seq ORDER BY m.seq DESC LIMIT 1), 0);
END
$$;
