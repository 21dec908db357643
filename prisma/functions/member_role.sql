-- Returns the role of a user's membership in a chat; null when the user is no member.
-- Found by the primary key: with the condition of the index of members, a plan may read all members of the chat.
CREATE OR REPLACE FUNCTION member_role(p_chat_id uuid, p_user_id uuid)
RETURNS chat_role
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (SELECT CASE WHEN m.left_at IS NULL THEN m.role END
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id);
END
$$;
