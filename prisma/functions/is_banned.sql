-- Returns whether a user is banned from a chat at p_at. A ban that has ended is none. Whoever adds a member asks it under the chat's lock,
-- which every ban takes.
CREATE OR REPLACE FUNCTION is_banned(p_chat_id uuid, p_user_id uuid, p_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM chat_bans b
    WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id AND (b.until IS NULL OR b.until > p_at));
END
$$;
