-- Returns the rights of a user in a chat: 'admin', or the role of the user's membership, or
--   outsider     the user is neither a member nor an admin
--   signed_out   the user is not active, or the sign-in has ended
-- In a direct chat nobody is an admin.
-- Locks the rows of the user and the sign-in until COMMIT, so a demotion or a sign-out comes wholly before this transaction or
-- after it. The role of the membership is fixed until COMMIT only if the caller has locked the chat's row.
CREATE OR REPLACE FUNCTION chat_standing(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_role user_role;
BEGIN
  SELECT u.role INTO v_role FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    RETURN 'signed_out';
  END IF;
  IF v_role = 'admin' AND NOT is_direct_chat(p_chat_id) THEN
    RETURN 'admin';
  END IF;
  RETURN coalesce(member_role(p_chat_id, p_user_id)::text, 'outsider');
END
$$;
