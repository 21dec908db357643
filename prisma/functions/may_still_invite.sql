-- Returns whether who made an invitation or a link may still give its role in the chat: then it may be accepted. The maker is active, and an
-- admin, or a member with the role that invites; a higher role than "member" is given by owners and admins alone. p_right is the row of
-- "invite" as of lock_chat_for. A mute of the maker ends nothing: it ends itself.
CREATE OR REPLACE FUNCTION may_still_invite(p_chat_id uuid, p_maker_id uuid, p_role chat_role, p_right jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  v_is_admin boolean;
  v_role chat_role;
  v_needs text := p_right ->> 'needs';
BEGIN
  SELECT u.role = 'admin' INTO v_is_admin FROM users u WHERE u.id = p_maker_id AND u.is_active;
  IF NOT FOUND OR v_is_admin THEN
    RETURN FOUND;
  END IF;
  v_role := member_role(p_chat_id, p_maker_id);
  IF p_right ? 'ifMembersInvite' AND (SELECT c.invites = 'members' FROM chats c WHERE c.id = p_chat_id) THEN
    v_needs := p_right ->> 'ifMembersInvite';
  END IF;
  RETURN coalesce(v_role >= v_needs::chat_role AND (p_role <= 'member' OR v_role = 'owner'), false);
END
$$;
