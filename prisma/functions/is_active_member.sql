-- Returns whether a user is a member of a chat, and active.
-- A subquery of one row, which the primary key finds: of several users at once, or with the condition of the index of members, a plan may
-- read all members of the chat.
CREATE OR REPLACE FUNCTION is_active_member(p_chat_id uuid, p_user_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce((SELECT m.left_at IS NULL AND u.is_active FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id), false);
END
$$;
