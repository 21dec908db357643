-- CreateTable
CREATE TABLE "chat_bans" (
    "chat_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "until" TIMESTAMPTZ(3),
    "by_id" UUID,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "reason" VARCHAR(500),

    CONSTRAINT "chat_bans_pkey" PRIMARY KEY ("chat_id","user_id")
);

-- CreateIndex
CREATE INDEX "chat_bans_user_id_idx" ON "chat_bans"("user_id");

-- CreateIndex
CREATE INDEX "chat_bans_by_id_idx" ON "chat_bans"("by_id");

-- AddForeignKey
ALTER TABLE "chat_bans" ADD CONSTRAINT "chat_bans_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "chat_bans" ADD CONSTRAINT "chat_bans_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "chat_bans" ADD CONSTRAINT "chat_bans_by_id_fkey" FOREIGN KEY ("by_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

DROP FUNCTION add_chat_member(uuid, uuid, uuid);
DROP FUNCTION set_chat_members(uuid, uuid, uuid, uuid[], text[], uuid[], boolean, integer);
DROP FUNCTION set_member_role(uuid, uuid, uuid, uuid, jsonb, chat_role);

-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   archived   the chat is archived
--   banned     the user is banned from the chat
--   no_chat    there is no such chat, or it is deleted, or it is a direct chat of others
--   no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member". The read marker
-- and the preferences stay too.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
  v_mark bigint;
  v_role chat_role;
  v_kind chat_kind;
  v_is_member boolean;
  v_muted timestamptz;
  v_is_archived boolean;
BEGIN
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR v_kind = 'direct' THEN
    RETURN QUERY SELECT CASE WHEN v_kind = 'direct' AND (p_actor_id IS NULL OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id)) THEN 'direct' ELSE 'no_chat' END,
      NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;
  -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
  SELECT m.joined_at, m.role, m.left_at IS NULL, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    INTO v_joined, v_role, v_is_member, v_muted FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF v_is_member THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role, v_muted;
    RETURN;
  ELSIF v_is_archived THEN
    RETURN QUERY SELECT 'archived', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  ELSIF is_banned(p_chat_id, p_user_id, v_now) THEN
    RETURN QUERY SELECT 'banned', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;

  SELECT n.seq, n.mark INTO v_seq, v_mark FROM take_number(p_chat_id) n;
  INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark)
  VALUES (p_chat_id, p_user_id, v_now, v_seq, v_mark)
  ON CONFLICT (chat_id, user_id) DO UPDATE
    SET joined_at = v_now, joined_seq = v_seq, joined_mark = v_mark, left_at = NULL, role = least(m.role, 'member')
  RETURNING m.role INTO v_role;
  PERFORM count_members(p_chat_id, 1);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, v_mark, 'member.added', p_actor_id, p_user_id, v_now);
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role, v_muted;
END
$$;

-- Bans a user from a chat until p_until (null: for ever), and ends the membership, if the user has one, with the event member.removed.
-- p_right is as of access_refusal. Outcomes:
--   removed      the user is banned, and no member any more; the event has the number seq
--   banned       the user is banned, and was no member
--   repeated     the user was banned so already; nothing changes
--   past         p_until is not in the future
--   rank         the user is the actor, or a member whose role is not lower than the actor's; a user who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   no_user, and the refusals of lock_chat_for
-- p_reason is for the moderators and the audit log.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION ban_user(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_until timestamptz, p_reason text)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_member boolean;
  v_is_admin boolean;
  v_mark bigint;
  v_data jsonb;
BEGIN
  until := p_until::timestamptz(3);
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_is_admin := (SELECT u.role = 'admin' FROM users u WHERE u.id = p_user_id);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.joined_at INTO role, joined_at FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    v_is_member := role IS NOT NULL;
    outcome := CASE
      WHEN ban_user.until <= at THEN 'past'
      WHEN v_is_admin IS NULL THEN 'no_user'
      WHEN p_user_id = p_actor_id OR (v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role)) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      WHEN v_is_member THEN 'removed'
      WHEN EXISTS (SELECT 1 FROM chat_bans b WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id
        AND b.until IS NOT DISTINCT FROM ban_user.until AND b.reason IS NOT DISTINCT FROM p_reason) THEN 'repeated'
      ELSE 'banned' END;
    IF outcome = 'rank' AND (v_is_admin OR role IS NULL) THEN
      role := 'owner';
    END IF;
  END IF;
  IF outcome IN ('removed', 'banned') THEN
    v_data := CASE WHEN ban_user.until IS NULL THEN '{}' ELSE jsonb_build_object('until', iso_time(ban_user.until)) END;
    IF outcome = 'removed' THEN
      UPDATE chat_memberships m SET left_at = ban_user.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
      PERFORM count_members(p_chat_id, -1);
      SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
      VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at, v_data || '{"cause": "banned"}');
    END IF;
    INSERT INTO chat_bans AS b (chat_id, user_id, until, by_id, at, reason)
    VALUES (p_chat_id, p_user_id, ban_user.until, p_actor_id, ban_user.at, p_reason)
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET until = excluded.until, by_id = excluded.by_id, at = excluded.at, reason = excluded.reason;
    PERFORM write_audit(p_actor_id, p_family_id, 'user.banned', p_chat_id, p_user_id::text, v_data, p_reason);
  END IF;
  RETURN NEXT;
END
$$;

-- Returns whether a user is banned from a chat at p_at. A ban that has ended is none. Whoever adds a member asks it under the chat's lock,
-- which every ban takes.
CREATE OR REPLACE FUNCTION is_banned(p_chat_id uuid, p_user_id uuid, p_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM chat_bans b
    WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id AND (b.until IS NULL OR b.until > p_at));
END
$$;

-- Returns a time as facts of events have it: ISO 8601, UTC, milliseconds.
CREATE OR REPLACE FUNCTION iso_time(p_at timestamptz)
RETURNS text
LANGUAGE sql
STABLE
AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
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
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND u.role = 'admin' AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
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

-- Gives a member another role, and writes the event member.updated. p_right is as of access_refusal. Outcomes:
--   updated      the member has the role now; the event has the number seq
--   repeated     the member had it already; nothing changes
--   last_owner   the chat would have no owner any more
--   no_member, and the refusals of lock_chat_for
-- A change is an act of the audit log, member.role_set.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT m.role, m.joined_at, CASE WHEN m.muted_until > set_member_role.at THEN m.muted_until END INTO role, joined_at, muted_until FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    outcome := CASE
      WHEN NOT FOUND THEN 'no_member'
      WHEN role = p_role THEN 'repeated'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    UPDATE chat_memberships m SET role = p_role WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.updated', p_actor_id, p_user_id, at);
    PERFORM write_audit(p_actor_id, p_family_id, 'member.role_set', p_chat_id, p_user_id::text,
      jsonb_build_object('role', p_role, 'before', role));
  END IF;
  RETURN NEXT;
END
$$;

-- Mutes a member until p_until, or ends the mute (null), and writes the event member.updated. p_right is as of access_refusal. Outcomes:
--   updated      the member is muted so now, or not at all; the event has the number seq
--   repeated     it was so already; nothing changes
--   past         p_until is not in the future
--   rank         the member's role is not lower than the actor's; role is the member's
--   admin        the member is an admin, whom nobody mutes
--   no_member, and the refusals of lock_chat_for
-- p_reason is for the audit log. The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_mute(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_until timestamptz, p_reason text)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_member boolean;
  v_is_admin boolean;
  v_until timestamptz(3) := p_until;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, m.left_at IS NULL, CASE WHEN m.muted_until > set_mute.at THEN m.muted_until END, u.role = 'admin'
      INTO role, joined_at, v_is_member, muted_until, v_is_admin
    FROM chat_memberships m JOIN users u ON u.id = m.user_id WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_until <= at THEN 'past'
      WHEN v_is_member IS NOT TRUE THEN 'no_member'
      WHEN v_standing <> 'admin' AND role >= v_standing::chat_role THEN 'rank'
      WHEN v_is_admin AND v_until IS NOT NULL THEN 'admin'
      WHEN muted_until IS NOT DISTINCT FROM v_until THEN 'repeated'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    muted_until := v_until;
    UPDATE chat_memberships m SET muted_until = v_until WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.updated', p_actor_id, p_user_id, at);
    PERFORM write_audit(p_actor_id, p_family_id, CASE WHEN v_until IS NULL THEN 'member.unmuted' ELSE 'member.muted' END, p_chat_id,
      p_user_id::text, CASE WHEN v_until IS NULL THEN '{}' ELSE jsonb_build_object('until', iso_time(v_until)) END, p_reason);
  END IF;
  RETURN NEXT;
END
$$;

-- Ends the ban of a user from a chat. It is no event: the user is no member, and becomes none by it. p_right is as of access_refusal.
-- Outcomes:
--   unbanned     the user may become a member again
--   repeated     the user was not banned; nothing changes
--   no_user, and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION unban_user(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_was_banned boolean;
BEGIN
  outcome := (SELECT l.outcome FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l);
  IF outcome = 'locked' THEN
    v_was_banned := is_banned(p_chat_id, p_user_id, clock_timestamp()::timestamptz(3));
    outcome := CASE
      WHEN v_was_banned THEN 'unbanned'
      WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated'
      ELSE 'no_user' END;
  END IF;
  IF outcome = 'unbanned' THEN
    DELETE FROM chat_bans b WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'user.unbanned', p_chat_id, p_user_id::text);
  END IF;
  RETURN NEXT;
END
$$;
