-- Returns what every member of a chat may see of a user (src/domain/profile.ts); null for no user.
CREATE OR REPLACE FUNCTION profile_as_json(u users)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT CASE WHEN (u).id IS NOT NULL THEN jsonb_build_object('id', (u).id, 'username', (u).username, 'firstName', (u).first_name,
    'lastName', (u).last_name, 'role', (u).role, 'kind', (u).kind, 'dateJoined', (u).date_joined) END
$$;
