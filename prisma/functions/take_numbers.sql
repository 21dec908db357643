-- As take_number, for p_count changes at once. Their numbers end with seq, and they share the mark.
CREATE OR REPLACE FUNCTION take_numbers(p_chat_id uuid, p_count int)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN QUERY UPDATE chats c SET last_seq = c.last_seq + p_count, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark;
END
$$;
