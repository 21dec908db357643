-- A message was sent to a direct chat: ends that its members hide it. Returns the ids of the members whose state has changed, and null
-- when no member hid it. The caller has locked the chat's row.
CREATE OR REPLACE FUNCTION show_direct_chat(p_chat_id uuid)
RETURNS uuid[]
LANGUAGE plpgsql
AS $$
DECLARE
  v_user_ids uuid[];
BEGIN
  WITH shown AS (
    UPDATE chat_memberships m SET hidden = false, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.hidden RETURNING m.user_id)
  SELECT array_agg(s.user_id ORDER BY s.user_id) INTO v_user_ids FROM shown s;
  RETURN v_user_ids;
END
$$;
