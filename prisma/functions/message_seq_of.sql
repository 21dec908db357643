-- Returns the number of a chat's message by its id; null when the chat has no such message. The last 8 hexadecimal digits of an id are
-- the number (append_messages). Ids of before there were marks end otherwise, and have an index of their own.
CREATE OR REPLACE FUNCTION message_seq_of(p_chat_id uuid, p_id uuid)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce(
    (SELECT m.seq FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq = ('x' || right(p_id::text, 8))::bit(32)::int AND m.id = p_id),
    (SELECT m.seq FROM messages m WHERE m.id = p_id AND m.chat_id = p_chat_id AND m.mark = 0));
END
$$;
