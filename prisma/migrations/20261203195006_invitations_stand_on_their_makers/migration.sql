DROP FUNCTION accept_invitation(uuid, uuid, uuid, bytea);

-- Makes a user a member of a chat by an invitation to the user, p_id, or by a link of this code. Outcomes:
--   created      the user is a member now, and a link has one use more; the event has the number seq
--   repeated     the user was a member already; nothing changes, and a link has no use more
--   no_code      no link has this code
--   gone         the invitation is not there or has ended, the link has ended or is used up, its maker may not give its role any more
--                (may_still_invite), or the user is banned from the chat
--   archived     the chat is archived
--   signed_out   the user is not active, or the sign-in has ended
-- A user who was a member before gets the role of then, if that is lower, and keeps a mute.
-- p_right is as of may_still_invite.
-- The chat's row is locked before that of the invitation or the link, as everywhere: so a link is used as often as it may be, and no more.
-- A user who is refused does not wait for it.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION accept_invitation(p_user_id uuid, p_family_id uuid, p_id uuid, p_code_hash bytea, p_right jsonb)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_link_id uuid;
  v_maker_id uuid;
  v_role chat_role;
  v_is_open boolean;
  v_was_member boolean;
  v_now timestamptz(3);
BEGIN
  IF p_code_hash IS NULL THEN
    SELECT v.chat_id INTO chat_id FROM invitations v WHERE v.id = p_id AND v.user_id = p_user_id;
  ELSE
    SELECT k.id, k.chat_id INTO v_link_id, chat_id FROM invite_links k WHERE k.code_hash = p_code_hash;
  END IF;
  IF NOT FOUND THEN
    outcome := CASE WHEN p_code_hash IS NULL THEN 'gone' ELSE 'no_code' END;
    RETURN NEXT;
    RETURN;
  END IF;
  IF lock_sign_in(p_user_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;

  -- Once before the chat's row is locked, and once more when nothing that decides can change any more.
  FOR pass IN 1 .. 2 LOOP
    IF pass = 2 THEN
      PERFORM FROM chats c WHERE c.id = chat_id FOR NO KEY UPDATE;
      -- Who declines it locks no chat.
      PERFORM FROM invitations v WHERE v.id = p_id AND p_code_hash IS NULL FOR NO KEY UPDATE;
    END IF;
    v_now := clock_timestamp();
    IF p_code_hash IS NULL THEN
      SELECT v.role, v.inviter_id, v.expires_at > v_now INTO v_role, v_maker_id, v_is_open FROM invitations v WHERE v.id = p_id;
    ELSE
      SELECT k.role, k.maker_id, k.expires_at > v_now AND (k.max_uses IS NULL OR k.uses < k.max_uses) INTO v_role, v_maker_id, v_is_open
      FROM invite_links k WHERE k.id = v_link_id;
    END IF;
    SELECT c.epoch, CASE WHEN c.deleted_at IS NOT NULL THEN 'gone' WHEN c.archived_at IS NOT NULL THEN 'archived' END INTO epoch, outcome
    FROM chats c WHERE c.id = chat_id;
    SELECT m.left_at IS NULL, m.joined_at, m.role, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    INTO v_was_member, joined_at, role, muted_until FROM chat_memberships m
    WHERE m.chat_id = accept_invitation.chat_id AND m.user_id = p_user_id;
    IF outcome = 'gone' OR v_was_member THEN
      outcome := coalesce(nullif(outcome, 'archived'), 'repeated');
    ELSIF v_is_open IS NOT TRUE OR is_banned(chat_id, p_user_id, v_now) OR NOT may_still_invite(chat_id, v_maker_id, v_role, p_right) THEN
      outcome := 'gone';
    END IF;
    IF outcome IS NOT NULL THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;

  SELECT a.outcome, a.seq, a.joined_at, a.role INTO outcome, seq, joined_at, role FROM add_chat_member(chat_id, p_user_id, p_user_id) a;
  IF outcome <> 'created' THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  role := CASE WHEN v_was_member IS NULL THEN v_role ELSE least(role, v_role) END;
  UPDATE chat_memberships m SET role = accept_invitation.role
  WHERE m.chat_id = accept_invitation.chat_id AND m.user_id = p_user_id AND m.role <> accept_invitation.role;
  UPDATE invite_links k SET uses = k.uses + 1 WHERE k.id = v_link_id;
  UPDATE invitations v SET expires_at = v_now, mark = pg_current_xact_id()::text::bigint
  WHERE v.chat_id = accept_invitation.chat_id AND v.user_id = p_user_id AND v.expires_at > v_now;
  RETURN NEXT;
END
$$;

-- Makes a link by whose code people join a chat with p_role. p_right is as of lock_chat_for. Outcomes:
--   created
--   rank       p_role is higher than the actor may give: moderators and members give "member" at most, others their own role. needs is
--              the role that may give it
--   full       p_max_links links of the chat are open
--   and the refusals of lock_chat_for
-- A link is an act of the audit log, invite_link.created.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION create_invite_link(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_code_hash bytea,
  p_role chat_role, p_expires_at timestamptz, p_max_uses int, p_max_links int)
RETURNS TABLE (outcome text, needs text, created_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
BEGIN
  SELECT l.outcome, l.needs, l.standing INTO outcome, needs, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    created_at := clock_timestamp()::timestamptz(3);
    outcome := CASE
      WHEN p_role > 'member' AND v_standing NOT IN ('admin', 'owner') THEN 'rank'
      WHEN (SELECT count(*) FROM (SELECT FROM invite_links k WHERE k.chat_id = p_chat_id AND k.expires_at > created_at
        AND may_still_invite(p_chat_id, k.maker_id, k.role, p_right) LIMIT p_max_links) open)
        >= p_max_links THEN 'full'
      ELSE 'created' END;
    needs := CASE outcome WHEN 'rank' THEN 'owner' END;
  END IF;
  IF outcome = 'created' THEN
    -- Of links that ended long ago nobody remembers the code. One that somebody accepts right now goes another time.
    DELETE FROM invite_links k WHERE k.id IN (
      SELECT o.id FROM invite_links o WHERE o.chat_id = p_chat_id AND o.expires_at < created_at - interval '30 days' LIMIT 100 FOR UPDATE SKIP LOCKED);
    INSERT INTO invite_links (id, chat_id, code_hash, maker_id, role, created_at, expires_at, max_uses)
    VALUES (p_id, p_chat_id, p_code_hash, p_actor_id, p_role, created_at, p_expires_at, p_max_uses);
    PERFORM write_audit(p_actor_id, p_family_id, 'invite_link.created', p_chat_id, p_id::text,
      jsonb_build_object('role', p_role, 'expiresAt', to_char(p_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'maxUses', p_max_uses));
  END IF;
  RETURN NEXT;
END
$$;

-- Invites a user to a chat, with the role member. p_right is as of lock_chat_for. Outcomes:
--   invited     the user may accept until p_expires_at
--   repeated    an invitation is open; nothing changes
--   member      the user is a member already
--   banned      the user is banned from the chat
--   inactive    the user is not active
--   no_user, and the refusals of lock_chat_for
-- id is that of the invitation that is open now.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION invite_to_chat(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_expires_at timestamptz)
RETURNS TABLE (outcome text, needs text, id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_is_active boolean;
BEGIN
  SELECT l.outcome, l.needs INTO outcome, needs FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    v_now := clock_timestamp();
    SELECT u.is_active INTO v_is_active FROM users u WHERE u.id = p_user_id;
    SELECT i.id INTO id FROM invitations i WHERE i.chat_id = p_chat_id AND i.user_id = p_user_id AND i.expires_at > v_now
      AND may_still_invite(p_chat_id, i.inviter_id, i.role, p_right);
    outcome := CASE
      WHEN v_is_active IS NULL THEN 'no_user'
      WHEN member_role(p_chat_id, p_user_id) IS NOT NULL THEN 'member'
      WHEN is_banned(p_chat_id, p_user_id, v_now) THEN 'banned'
      WHEN NOT v_is_active THEN 'inactive'
      WHEN id IS NOT NULL THEN 'repeated'
      ELSE 'invited' END;
  END IF;
  IF outcome = 'invited' THEN
    id := p_id;
    -- One that has ended, or that nobody stands for any more, gives way.
    INSERT INTO invitations AS i (id, chat_id, user_id, inviter_id, role, created_at, expires_at, mark)
    VALUES (p_id, p_chat_id, p_user_id, p_actor_id, 'member', v_now, p_expires_at, pg_current_xact_id()::text::bigint)
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET id = excluded.id, inviter_id = excluded.inviter_id, role = excluded.role, created_at = excluded.created_at,
        expires_at = excluded.expires_at, mark = excluded.mark;
  END IF;
  RETURN NEXT;
END
$$;

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

-- Ends an invitation or a link before its time. Who made it may, and who has the role p_needs_for_others. p_right is as of lock_chat_for.
-- Outcomes:
--   revoked
--   repeated    it has ended already; nothing changes
--   gone        there is no such invitation and no such link
--   not_yours   another made it, and the actor's role is lower than p_needs_for_others
--   and the refusals of lock_chat_for
-- user_id is who was invited; null for a link. It is an act of the audit log: invitation.revoked or invite_link.revoked.
-- The chat's row is locked before it, as everywhere.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION revoke_invitation(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_needs_for_others chat_role)
RETURNS TABLE (outcome text, needs text, chat_id uuid, user_id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_maker_id uuid;
  v_expires_at timestamptz;
  v_now timestamptz(3);
BEGIN
  SELECT i.chat_id INTO chat_id FROM invitations i WHERE i.id = p_id;
  IF NOT FOUND THEN
    SELECT k.chat_id INTO chat_id FROM invite_links k WHERE k.id = p_id;
  END IF;
  IF NOT FOUND THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT l.outcome, l.needs, l.standing INTO outcome, needs, v_standing FROM lock_chat_for(chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    SELECT i.user_id, i.inviter_id, i.expires_at INTO user_id, v_maker_id, v_expires_at FROM invitations i WHERE i.id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      SELECT k.maker_id, k.expires_at INTO v_maker_id, v_expires_at FROM invite_links k WHERE k.id = p_id FOR NO KEY UPDATE;
    END IF;
    v_now := clock_timestamp();
    outcome := CASE
      WHEN v_expires_at IS NULL THEN 'gone'
      WHEN v_maker_id IS DISTINCT FROM p_actor_id AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      WHEN v_expires_at <= v_now THEN 'repeated'
      ELSE 'revoked' END;
  END IF;
  IF outcome = 'revoked' THEN
    UPDATE invitations i SET expires_at = v_now, mark = pg_current_xact_id()::text::bigint WHERE i.id = p_id;
    UPDATE invite_links k SET expires_at = v_now WHERE k.id = p_id;
    PERFORM write_audit(p_actor_id, p_family_id, CASE WHEN user_id IS NULL THEN 'invite_link.revoked' ELSE 'invitation.revoked' END,
      chat_id, p_id::text);
  END IF;
  RETURN NEXT;
END
$$;
