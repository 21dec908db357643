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
