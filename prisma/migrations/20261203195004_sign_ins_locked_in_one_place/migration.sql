-- Makes a user a member of a chat by an invitation to the user, p_id, or by a link of this code. Outcomes:
--   created      the user is a member now, and a link has one use more; the event has the number seq
--   repeated     the user was a member already; nothing changes, and a link has no use more
--   no_code      no link has this code
--   gone         the invitation is not there or has ended, the link has ended or is used up, or the user is banned from the chat
--   archived     the chat is archived
--   signed_out   the user is not active, or the sign-in has ended
-- A user who was a member before gets the role of then, if that is lower, and keeps a mute.
-- The invitation's or link's row is locked first: a link is used as often as it may be, and no more.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION accept_invitation(p_user_id uuid, p_family_id uuid, p_id uuid, p_code_hash bytea)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_link_id uuid;
  v_role chat_role;
  v_is_open boolean;
  v_was_member boolean;
  v_now timestamptz(3);
BEGIN
  IF p_code_hash IS NULL THEN
    SELECT i.chat_id, i.role, i.expires_at > clock_timestamp() INTO chat_id, v_role, v_is_open
    FROM invitations i WHERE i.id = p_id AND i.user_id = p_user_id FOR NO KEY UPDATE;
  ELSE
    SELECT k.id, k.chat_id, k.role, k.expires_at > clock_timestamp() AND (k.max_uses IS NULL OR k.uses < k.max_uses)
      INTO v_link_id, chat_id, v_role, v_is_open
    FROM invite_links k WHERE k.code_hash = p_code_hash FOR NO KEY UPDATE;
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

  PERFORM FROM chats c WHERE c.id = chat_id FOR NO KEY UPDATE;
  v_now := clock_timestamp();
  SELECT c.epoch, CASE WHEN c.deleted_at IS NOT NULL THEN 'gone' WHEN c.archived_at IS NOT NULL THEN 'archived' END INTO epoch, outcome
  FROM chats c WHERE c.id = chat_id;
  SELECT m.left_at IS NULL, m.joined_at, m.role, CASE WHEN m.muted_until > v_now THEN m.muted_until END
  INTO v_was_member, joined_at, role, muted_until FROM chat_memberships m
  WHERE m.chat_id = accept_invitation.chat_id AND m.user_id = p_user_id;
  IF outcome = 'gone' OR v_was_member THEN
    outcome := coalesce(nullif(outcome, 'archived'), 'repeated');
    RETURN NEXT;
    RETURN;
  ELSIF NOT v_is_open THEN
    outcome := 'gone';
  END IF;
  IF outcome IS NULL THEN
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
    UPDATE invitations i SET expires_at = v_now, mark = pg_current_xact_id()::text::bigint
    WHERE i.chat_id = accept_invitation.chat_id AND i.user_id = p_user_id AND i.expires_at > v_now;
  END IF;
  RETURN NEXT;
END
$$;

-- Members have come (a positive number) or gone (a negative one). Every function that changes who is a member calls it. The caller has
-- locked the chat's row.
CREATE OR REPLACE FUNCTION count_members(p_chat_id uuid, p_change int)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE chats SET member_count = member_count + p_change WHERE id = p_chat_id;
END
$$;

-- Makes a group chat. A creator who is no admin becomes its owner, by the event member.added with the number 1; p_by_users says whether
-- such a user may. p_family_id is null for an operator. p_given has name, nameKey, epoch, externalId, visibility, topic and metadata.
-- Outcomes:
--   created      chat_id, at: the chat and when it was made; is_owner: whether the creator is its owner
--   signed_out   the user is not active, or the sign-in has ended
--   no_admin     the creator is no admin: chats are made by admins alone, or an external id was given, which they alone give
-- A name or an external id that another chat has is a unique violation.
CREATE OR REPLACE FUNCTION create_chat(p_id uuid, p_user_id uuid, p_family_id uuid, p_by_users boolean, p_given jsonb)
RETURNS TABLE (outcome text, at timestamptz, is_owner boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_role user_role := 'admin';
  v_mark bigint;
BEGIN
  IF p_family_id IS NOT NULL THEN
    v_role := lock_sign_in(p_user_id, p_family_id);
  END IF;
  outcome := CASE
    WHEN v_role IS NULL THEN 'signed_out'
    WHEN v_role <> 'admin' AND (NOT p_by_users OR p_given ->> 'externalId' IS NOT NULL) THEN 'no_admin'
    ELSE 'created' END;
  IF outcome = 'created' THEN
    at := clock_timestamp()::timestamptz(3);
    is_owner := v_role <> 'admin';
    INSERT INTO chats (id, name, name_key, epoch, external_id, visibility, topic, metadata, created_at)
    VALUES (p_id, p_given ->> 'name', p_given ->> 'nameKey', p_given ->> 'epoch', p_given ->> 'externalId',
      (p_given ->> 'visibility')::visibility, p_given ->> 'topic', nullif(p_given -> 'metadata', 'null'), at);
    IF is_owner THEN
      SELECT n.mark INTO v_mark FROM take_number(p_id) n;
      INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark, role)
      VALUES (p_id, p_user_id, at, 1, v_mark, 'owner');
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
      VALUES (p_id, 1, v_mark, 'member.added', p_user_id, p_user_id, at);
      PERFORM count_members(p_id, 1);
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- A user joins a public chat, or an admin any group chat. Outcomes and columns as of add_chat_member, but
--   no_chat      also for a private chat that the user is no member of
--   signed_out   the user is not active, or the sign-in has ended
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION join_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean;
  v_may boolean;
BEGIN
  v_is_admin := lock_sign_in(p_user_id, p_family_id) = 'admin';
  IF v_is_admin IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  -- Who may not join waits for nobody; who may is asked again under the lock.
  FOR i IN 1 .. 2 LOOP
    SELECT c.kind = 'group' AND (c.visibility = 'public' OR v_is_admin OR member_role(p_chat_id, p_user_id) IS NOT NULL) INTO v_may
    FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL;
    IF v_may IS NOT TRUE THEN
      outcome := 'no_chat';
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      PERFORM 1 FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    END IF;
  END LOOP;
  RETURN QUERY SELECT a.outcome, a.epoch, a.seq, a.joined_at, a.role, a.muted_until FROM add_chat_member(p_chat_id, p_user_id, p_user_id) a;
END
$$;

-- Locks a chat's row until COMMIT, and checks that the user may do something there. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat, or it is deleted
--   signed_out             the user is not active, or the sign-in has ended
--   the refusals of access_refusal
-- Locks the rows of the user and the sign-in first, so a demotion or a sign-out comes wholly before this transaction or after it: whoever
-- waits for them holds up no chat. A user who is refused before the chat's row is locked does not wait for it.
-- p_right is as of access_refusal; its member ifMembersInvite replaces needs in a chat whose members invite. p_family_id is null for an
-- operator, who has an admin's rights. standing is 'admin' for admins and operators, but in a direct chat not for admins; otherwise the
-- role of the user's membership, through a narrowed token 'member' at most, and 'outsider' without one. kind is the chat's, and needs
-- the role that a refusal by role asks for.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb)
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
    v_is_admin := lock_sign_in(p_user_id, p_family_id) = 'admin';
    IF v_is_admin IS NULL THEN
      outcome := 'signed_out';
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
    ELSE
      SELECT c.epoch, c.kind, c.archived_at, c.deleted_at, c.posting_role, c.invites = 'members'
        INTO epoch, kind, v_archived, v_deleted, v_posting_role, v_members_invite
      FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
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

-- Returns the role of a user by whose sign-in something is done; null when the user is not active, or the sign-in has ended. Locks the
-- rows of both until COMMIT, so a demotion, a deactivation or a sign-out comes wholly before this transaction or after it. Lock them
-- before everything else: whoever waits for them holds up nobody then.
CREATE OR REPLACE FUNCTION lock_sign_in(p_user_id uuid, p_family_id uuid)
RETURNS user_role
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f);
END
$$;

-- Returns the direct chat of the actor and another user, and makes it if they have none. p_chat_id and p_epoch are of the chat that is
-- made. seq is the chat's newest number. Outcomes:
--   created      the chat is new; both are its members, by the events member.added with the numbers 1 (the actor) and 2
--   repeated     they have a direct chat already
--   signed_out   the actor is not active, or the sign-in has ended
--   no_user      there is no such user
--   inactive     the user is not active
-- Locks the rows of the actor and the sign-in until COMMIT, as lock_chat_for does. Those who make the chat of one pair wait for each
-- other, so that they make one.
-- The function waits at most 1 s for a lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION open_direct_chat(p_chat_id uuid, p_epoch text, p_actor_id uuid, p_family_id uuid, p_user_id uuid)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, at timestamptz, other jsonb)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_lower uuid := least(p_actor_id, p_user_id);
  v_higher uuid := greatest(p_actor_id, p_user_id);
  v_mark bigint;
BEGIN
  IF lock_sign_in(p_actor_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT CASE WHEN u.is_active THEN 'repeated' ELSE 'inactive' END, profile_as_json(u) INTO outcome, other
  FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    outcome := 'no_user';
  END IF;
  IF outcome <> 'repeated' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  -- Once without the pair's lock, and once more under it.
  FOR i IN 1 .. 2 LOOP
    SELECT c.id, c.epoch, c.last_seq INTO chat_id, epoch, seq
    FROM direct_chats d JOIN chats c ON c.id = d.chat_id WHERE d.lower_id = v_lower AND d.higher_id = v_higher;
    IF FOUND THEN
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      -- The first number keeps these locks apart from those of take_created_seq and lock_reactions.
      PERFORM pg_advisory_xact_lock(72707375, hashtext(v_lower || ' ' || v_higher));
    END IF;
  END LOOP;

  outcome := 'created';
  chat_id := p_chat_id;
  epoch := p_epoch;
  at := clock_timestamp()::timestamptz(3);
  INSERT INTO chats (id, name, name_key, epoch, kind, member_count, created_at)
  VALUES (p_chat_id, 'dm-' || p_chat_id, 'dm-' || p_chat_id, p_epoch, 'direct', 2, at);
  INSERT INTO direct_chats (lower_id, higher_id, chat_id) VALUES (v_lower, v_higher, p_chat_id);
  SELECT n.seq, n.mark INTO seq, v_mark FROM take_numbers(p_chat_id, 2) n;
  -- Who is blocked by the other is muted (set_block).
  INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark, muted_until)
  SELECT p_chat_id, added.user_id, open_direct_chat.at, added.seq, v_mark,
    CASE WHEN EXISTS (SELECT 1 FROM user_blocks b
      WHERE b.blocked_id = added.user_id AND b.user_id = CASE WHEN added.user_id = v_lower THEN v_higher ELSE v_lower END)
    THEN timestamptz '9999-12-31 23:59:59.999+00' END
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  SELECT p_chat_id, added.seq, v_mark, 'member.added', p_actor_id, added.user_id, open_direct_chat.at
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  RETURN NEXT;
END
$$;

-- Closes a report. Admins may, and who reads the reports of its chat: p_right is as of lock_chat_for. Outcomes:
--   resolved
--   repeated   it was resolved before; nothing changes
--   gone       there is no such report
--   and the refusals of lock_chat_for
-- It is an act of the audit log, report.resolved, and p_note its reason.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION resolve_report(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_is_narrowed boolean, p_resolution text, p_note text)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_chat_id uuid;
  v_is_open boolean;
BEGIN
  SELECT r.chat_id INTO v_chat_id FROM reports r WHERE r.id = p_id;
  IF NOT FOUND THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  -- An admin resolves those of direct chats too, in which an admin has no rights.
  IF NOT p_is_narrowed AND lock_sign_in(p_actor_id, p_family_id) = 'admin' THEN
    outcome := 'locked';
  ELSE
    SELECT l.outcome INTO outcome FROM lock_chat_for(v_chat_id, p_actor_id, p_family_id, p_right) l;
  END IF;
  IF outcome = 'locked' THEN
    SELECT r.resolved_at IS NULL INTO v_is_open FROM reports r WHERE r.id = p_id FOR NO KEY UPDATE;
    outcome := CASE WHEN v_is_open IS NULL THEN 'gone' WHEN v_is_open THEN 'resolved' ELSE 'repeated' END;
  END IF;
  IF outcome = 'resolved' THEN
    UPDATE reports r SET resolved_at = clock_timestamp(), resolved_by_id = p_actor_id, resolution = p_resolution WHERE r.id = p_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'report.resolved', v_chat_id, p_id::text, jsonb_build_object('resolution', p_resolution), p_note);
  END IF;
  RETURN NEXT;
END
$$;

-- Makes p_user_id block another user, or with p_is_blocked false block them no more. Outcomes:
--   set          it is so now
--   repeated     it was so before; nothing changes
--   no_user      there is no such user
--   full         the user blocks p_most users already
--   signed_out   the user is not active, or the sign-in has ended
-- In the direct chat of the two, what the blocked user may not do is a mute of their membership: there are no others in direct chats, so
-- a message in another chat asks nothing more. It takes the pair's lock as open_direct_chat does, so a chat that is opened at the same
-- time begins with it.
-- The function waits at most 1 s for each lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_block(p_user_id uuid, p_family_id uuid, p_other_id uuid, p_is_blocked boolean, p_most int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_chat_id uuid;
  v_was_blocked boolean;
BEGIN
  IF lock_sign_in(p_user_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(72707375, hashtext(least(p_user_id, p_other_id) || ' ' || greatest(p_user_id, p_other_id)));
  v_was_blocked := EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id);
  outcome := CASE
    WHEN NOT EXISTS (SELECT 1 FROM users u WHERE u.id = p_other_id) THEN 'no_user'
    WHEN v_was_blocked = p_is_blocked THEN 'repeated'
    WHEN p_is_blocked AND (SELECT count(*) FROM user_blocks b WHERE b.user_id = p_user_id) >= p_most THEN 'full'
    ELSE 'set' END;
  IF outcome = 'set' THEN
    IF p_is_blocked THEN
      INSERT INTO user_blocks (user_id, blocked_id) VALUES (p_user_id, p_other_id);
    ELSE
      DELETE FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id;
    END IF;
    SELECT d.chat_id INTO v_chat_id FROM direct_chats d
    WHERE d.lower_id = least(p_user_id, p_other_id) AND d.higher_id = greatest(p_user_id, p_other_id);
    -- The lock waits for messages that are under way: none is numbered after the block.
    PERFORM 1 FROM chats c WHERE c.id = v_chat_id FOR NO KEY UPDATE;
    UPDATE chat_memberships m SET muted_until = CASE WHEN p_is_blocked THEN timestamptz '9999-12-31 23:59:59.999+00' END
    WHERE m.chat_id = v_chat_id AND m.user_id = p_other_id;
  END IF;
  RETURN NEXT;
END
$$;

-- Adds, changes and removes many members of a chat at once, on an admin's word. p_user_ids: who is a member afterwards, with the role
-- in p_roles; null keeps the role of a member, and gives a new one the role that add_chat_member gives. p_removed_ids: who is no member
-- afterwards; with p_exactly it is everybody who is not in p_user_ids. Outcomes:
--   changed      one row for each change, in the order of their numbers, which are adjacent: removals first. kind is that of its event
--   member       then one row for each user of p_user_ids, in their order
--   no_admin     the actor is no longer an admin, or the sign-in has ended
--   direct       the chat is a direct chat, which has its two members for ever, and the actor is one of them
--   archived     the chat is archived, and this would be more than removals; nothing changes
--   banned       somebody who would be added is banned from the chat; seq is the place in p_user_ids. Nothing changes
--   no_chat      there is no such chat, or it is deleted, or it is a direct chat of others
--   too_many     this would be more than p_max_changes changes; nothing changes
-- Who is as asked already is not changed and takes no number. All ids are of users, and no user is named twice. An admin may take the
-- last owner away. subject is as of profile_as_json.
-- Each change is an act of the audit log: member.added, member.role_set or member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_members(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_user_ids uuid[], p_roles text[], p_removed_ids uuid[], p_exactly boolean, p_max_changes int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, kind text, subject jsonb, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_epoch text;
  v_chat_kind chat_kind;
  v_is_archived boolean;
  v_removed uuid[];
  -- Of each change, in the order of their numbers.
  v_ids uuid[];
  v_kinds text[];
  v_roles chat_role[];
  -- The role before it; null of who was no member.
  v_formers chat_role[];
  v_count int;
  -- The number before the first change.
  v_before int;
  v_mark bigint;
BEGIN
  IF lock_sign_in(p_actor_id, p_family_id) IS DISTINCT FROM 'admin' THEN
    outcome := 'no_admin';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_chat_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR v_chat_kind = 'direct' THEN
    outcome := CASE WHEN v_chat_kind = 'direct' AND EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id) THEN 'direct' ELSE 'no_chat' END;
    RETURN NEXT;
    RETURN;
  END IF;
  v_now := clock_timestamp();

  IF p_exactly THEN
    v_removed := ARRAY(
      SELECT m.user_id FROM chat_memberships m
      WHERE m.chat_id = p_chat_id AND m.left_at IS NULL
        AND NOT EXISTS (SELECT FROM unnest(p_user_ids) AS kept (id) WHERE kept.id = m.user_id)
      ORDER BY m.user_seq LIMIT p_max_changes + 1);
  ELSE
    v_removed := ARRAY(
      SELECT m.user_id FROM unnest(p_removed_ids) WITH ORDINALITY AS given (id, place)
      JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id
      WHERE m.left_at IS NULL ORDER BY given.place);
  END IF;
  SELECT array_agg(w.id ORDER BY w.place), array_agg(w.kind ORDER BY w.place), array_agg(w.role ORDER BY w.place),
    array_agg(w.former ORDER BY w.place)
  INTO v_ids, v_kinds, v_roles, v_formers
  FROM (
    SELECT given.id, given.place,
      CASE WHEN m.user_id IS NULL OR m.left_at IS NOT NULL THEN 'member.added'
        WHEN given.role::chat_role <> m.role THEN 'member.updated' END AS kind,
      coalesce(given.role::chat_role, CASE WHEN m.left_at IS NULL THEN m.role ELSE least(m.role, 'member') END, 'member') AS role,
      CASE WHEN m.left_at IS NULL THEN m.role END AS former
    FROM unnest(p_user_ids, p_roles) WITH ORDINALITY AS given (id, role, place)
    LEFT JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id) w
  WHERE w.kind IS NOT NULL;
  v_count := cardinality(v_removed) + coalesce(cardinality(v_ids), 0);
  IF v_count > p_max_changes THEN
    outcome := 'too_many';
    RETURN NEXT;
    RETURN;
  ELSIF v_is_archived AND v_ids IS NOT NULL THEN
    outcome := 'archived';
    RETURN NEXT;
    RETURN;
  END IF;
  FOR i IN 1 .. coalesce(cardinality(v_ids), 0) LOOP
    IF v_kinds[i] = 'member.added' AND is_banned(p_chat_id, v_ids[i], v_now) THEN
      outcome := 'banned';
      seq := array_position(p_user_ids, v_ids[i]);
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;

  IF v_count > 0 THEN
    v_ids := v_removed || v_ids;
    v_kinds := array_fill('member.removed'::text, ARRAY[cardinality(v_removed)]) || v_kinds;
    v_roles := array_fill(NULL::chat_role, ARRAY[cardinality(v_removed)]) || v_roles;
    v_formers := ARRAY(SELECT member_role(p_chat_id, gone.id) FROM unnest(v_removed) WITH ORDINALITY AS gone (id, place) ORDER BY gone.place)
      || v_formers;
    SELECT n.seq - v_count, n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, v_count) n;
    UPDATE chat_memberships m SET left_at = v_now WHERE m.chat_id = p_chat_id AND m.user_id = ANY (v_removed);
    INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark, role)
    SELECT p_chat_id, w.id, v_now, v_before + w.place::int, v_mark, w.role
    FROM unnest(v_ids, v_kinds, v_roles) WITH ORDINALITY AS w (id, kind, role, place) WHERE w.kind = 'member.added'
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, joined_mark = excluded.joined_mark,
        left_at = NULL, role = excluded.role;
    PERFORM count_members(p_chat_id, (SELECT count(*) FILTER (WHERE w.kind = 'member.added') - count(*) FILTER (WHERE w.kind = 'member.removed')
      FROM unnest(v_kinds) AS w (kind))::int);
    UPDATE chat_memberships m SET role = w.role
    FROM unnest(v_ids, v_kinds, v_roles) AS w (id, kind, role)
    WHERE w.kind = 'member.updated' AND m.chat_id = p_chat_id AND m.user_id = w.id;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    SELECT p_chat_id, v_before + w.place::int, v_mark, w.kind, p_actor_id, w.id, v_now,
      CASE WHEN w.kind = 'member.removed' THEN '{"cause": "removed"}'::jsonb END
    FROM unnest(v_ids, v_kinds) WITH ORDINALITY AS w (id, kind, place);
    PERFORM write_audit_entries((
      SELECT jsonb_agg(jsonb_build_object('actor', p_actor_id, 'client', f.client_id, 'chat', p_chat_id, 'target', w.id,
        'action', CASE WHEN w.kind = 'member.updated' THEN 'member.role_set' ELSE w.kind END,
        'data', CASE w.kind WHEN 'member.added' THEN jsonb_build_object('role', w.role)
          WHEN 'member.removed' THEN jsonb_build_object('role', w.former)
          ELSE jsonb_build_object('role', w.role, 'before', w.former) END) ORDER BY w.place)
      FROM unnest(v_ids, v_kinds, v_roles, v_formers) WITH ORDINALITY AS w (id, kind, role, former, place)
      JOIN token_families f ON f.id = p_family_id));
  END IF;

  RETURN QUERY
    SELECT 'changed', v_epoch, v_before + w.place::int, v_now::timestamptz, w.kind, profile_as_json(u), m.role, m.joined_at::timestamptz, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    FROM unnest(v_ids, v_kinds) WITH ORDINALITY AS w (id, kind, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = w.id JOIN users u ON u.id = w.id
    ORDER BY w.place;
  RETURN QUERY
    SELECT 'member', v_epoch, NULL::int, NULL::timestamptz, NULL::text, profile_as_json(u), m.role, m.joined_at::timestamptz, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    FROM unnest(p_user_ids) WITH ORDINALITY AS given (id, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id JOIN users u ON u.id = given.id
    ORDER BY given.place;
END
$$;
