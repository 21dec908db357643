-- Returns whether a chat is a direct chat; false for a chat that does not exist. It never changes.
CREATE OR REPLACE FUNCTION is_direct_chat(p_chat_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'direct');
END
$$;
