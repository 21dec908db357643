-- Makes a user a member of a chat on an admin's word, as an act of the audit log: member.added. Outcomes as of add_chat_member, and:
--   no_admin   the actor is no longer an admin, or the sign-in has ended; nothing changes
-- One function rather than a condition beside add_chat_member in one statement: there a plan may add first and ask afterwards.
CREATE OR REPLACE FUNCTION add_chat_member_as_admin(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
  IF lock_sign_in(p_actor_id, p_family_id) IS DISTINCT FROM 'admin' THEN
    RETURN QUERY SELECT 'no_admin', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;
  SELECT a.* INTO outcome, epoch, seq, joined_at, role, muted_until FROM add_chat_member(p_chat_id, p_user_id, p_actor_id) a;
  IF outcome = 'created' THEN
    PERFORM write_audit(p_actor_id, p_family_id, 'member.added', p_chat_id, p_user_id::text, jsonb_build_object('role', role));
  END IF;
  RETURN NEXT;
END
$$;
