-- Returns the role of a user by whose sign-in something is done; null when the user is not active, or the sign-in has ended. A sign-in
-- that is narrowed to chats is never an admin's: it ends with the promotion. Locks the rows of both until COMMIT, so a demotion, a deactivation or a sign-out comes wholly before this transaction or after it. Lock them
-- before everything else: whoever waits for them holds up nobody then. With p_waits false it is null too while somebody else has locked them.
CREATE OR REPLACE FUNCTION lock_sign_in(p_user_id uuid, p_family_id uuid, p_waits boolean DEFAULT true)
RETURNS user_role
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT p_waits THEN
    RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
      WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND (f.chat_ids IS NULL OR u.role <> 'admin')
        AND is_vouched_for(f.issued_by, u.role)
      FOR SHARE OF u, f SKIP LOCKED);
  END IF;
  RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND (f.chat_ids IS NULL OR u.role <> 'admin')
      AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f);
END
$$;
