-- Returns whether the application that issued a token of a user (token_families.issued_by) may still do so: its bot is active, and is an
-- admin if the user is one. True for a token that no application issued.
CREATE OR REPLACE FUNCTION is_vouched_for(p_issued_by text, p_role user_role)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN p_issued_by IS NULL OR coalesce((SELECT b.is_active AND (p_role <> 'admin' OR b.role = 'admin')
    FROM oauth_clients c JOIN users b ON b.id = c.user_id WHERE c.id = p_issued_by), false);
END
$$;
