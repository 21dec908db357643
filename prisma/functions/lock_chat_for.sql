-- Locks a chat's row until COMMIT, and checks that the user may do something there. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat, or it is deleted
--   signed_out             the user is not active, or the sign-in has ended
--   the refusals of access_refusal
--   busy                   with p_waits false: somebody else has locked one of the rows, or the sign-in has ended
-- Locks the rows of the user and the sign-in first, so a demotion or a sign-out comes wholly before this transaction or after it: whoever
-- waits for them holds up no chat. A user who is refused before the chat's row is locked does not wait for it.
-- p_right is as of access_refusal; its member ifMembersInvite replaces needs in a chat whose members invite. p_family_id is null for an
-- operator, who has an admin's rights. standing is 'admin' for admins and operators, but in a direct chat not for admins; otherwise the
-- role of the user's membership, through a narrowed token 'member' at most, and 'outsider' without one. kind is the chat's, and needs
-- the role that a refusal by role asks for.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb, p_waits boolean DEFAULT true)
RETURNS TABLE (outcome text, epoch text, standing text, kind chat_kind, needs text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean := true;
  v_archived timestamptz;
  v_deleted timestamptz;
  v_posting_role chat_role;
  v_muted timestamptz;
  v_members_invite boolean;
  v_right jsonb;
BEGIN
  IF p_family_id IS NOT NULL THEN
    v_is_admin := lock_sign_in(p_user_id, p_family_id, p_waits) = 'admin';
    IF v_is_admin IS NULL THEN
      outcome := CASE WHEN p_waits THEN 'signed_out' ELSE 'busy' END;
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  -- Once before the chat's row is locked, and once more when nothing that decides can change any more.
  FOR i IN 1 .. 2 LOOP
    IF i = 1 THEN
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id;
    ELSIF p_waits THEN
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    ELSE
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        outcome := 'busy';
        EXIT;
      END IF;
    END IF;
    IF NOT FOUND OR v_deleted IS NOT NULL THEN
      outcome := 'no_chat';
      EXIT;
    END IF;
    IF v_is_admin AND (kind <> 'direct' OR p_family_id IS NULL) THEN
      standing := 'admin';
    ELSE
      -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
      SELECT CASE WHEN m.left_at IS NULL THEN m.role::text ELSE 'outsider' END, m.muted_until INTO standing, v_muted
      FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
      standing := coalesce(standing, 'outsider');
      IF p_right ? 'isNarrowed' AND standing IN ('moderator', 'owner') THEN
        standing := 'member';
      END IF;
    END IF;
    v_right := p_right || CASE WHEN v_members_invite AND p_right ? 'ifMembersInvite'
      THEN jsonb_build_object('needs', p_right -> 'ifMembersInvite') ELSE '{}' END;
    outcome := coalesce(access_refusal(v_right, standing, kind, v_archived, v_posting_role, v_muted, clock_timestamp()::timestamptz(3)), 'locked');
    EXIT WHEN outcome <> 'locked';
  END LOOP;
  needs := CASE outcome
    WHEN 'role' THEN v_right ->> CASE WHEN kind = 'direct' THEN 'inDirect' ELSE 'needs' END
    WHEN 'posting_role' THEN v_posting_role::text END;
  RETURN NEXT;
END
$$;
