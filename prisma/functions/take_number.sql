-- Takes the next number of a chat for one change, and locks the chat's row until COMMIT: numbers are dense and become visible in
-- their order. Returns no row when there is no such chat. append_messages does the same for many messages at once.
--
-- mark: the highest transaction id that has written to the chat so far. The change's row stores it. It never falls from one
-- number to the next, so the rows with marks below a snapshot's xmin are a prefix of the chat's log (src/domain/log/marks.ts).
CREATE OR REPLACE FUNCTION take_number(p_chat_id uuid)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN QUERY UPDATE chats c SET last_seq = c.last_seq + 1, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark;
END
$$;
