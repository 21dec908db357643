-- Returns whether this owner is the chat's only one. The caller has locked the chat's row.
CREATE OR REPLACE FUNCTION is_last_owner(p_chat_id uuid, p_user_id uuid)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT NOT EXISTS (SELECT 1 FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.role = 'owner' AND m.left_at IS NULL AND m.user_id <> p_user_id AND u.is_active)
$$;
