-- Members have come (a positive number) or gone (a negative one). Every function that changes who is a member calls it. The caller has
-- locked the chat's row.
CREATE OR REPLACE FUNCTION count_members(p_chat_id uuid, p_change int)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE chats SET member_count = member_count + p_change WHERE id = p_chat_id;
END
$$;
