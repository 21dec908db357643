-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   archived   the chat is archived
--   no_chat    there is no such chat, or it is deleted, or it is a direct chat of others
--   no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member". The read marker
-- and the preferences stay too.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role)
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
  v_is_archived boolean;
BEGIN
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR v_kind = 'direct' THEN
    RETURN QUERY SELECT CASE WHEN v_kind = 'direct' AND (p_actor_id IS NULL OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id)) THEN 'direct' ELSE 'no_chat' END,
      NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
  SELECT m.joined_at, m.role, m.left_at IS NULL INTO v_joined, v_role, v_is_member FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF v_is_member THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role;
    RETURN;
  ELSIF v_is_archived THEN
    RETURN QUERY SELECT 'archived', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
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
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role;
END
$$;

-- A chat as its events show it (LoggedChat in src/domain/log/logged-chat.ts).
CREATE OR REPLACE FUNCTION chat_as_json(c chats)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT jsonb_build_object('id', c.id, 'name', c.name, 'kind', c.kind, 'visibility', c.visibility, 'topic', c.topic,
    'postingRole', c.posting_role, 'slowSeconds', c.slow_seconds, 'invites', c.invites, 'archivedAt', c.archived_at, 'metadata', c.metadata)
$$;

-- Members have come (a positive number) or gone (a negative one). Every function that changes who is a member calls it. The caller has
-- locked the chat's row.
CREATE OR REPLACE FUNCTION count_members(p_chat_id uuid, p_change int)
RETURNS void
LANGUAGE sql
AS $$
  UPDATE chats SET member_count = member_count + p_change WHERE id = p_chat_id
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
    SELECT u.role INTO v_role FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f;
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

-- Ends a chat, on an admin's word: writes the event chat.deleted, its last, and ends all memberships at the time of it. So a member of
-- then is who has left at deleted_at: they may read the log up to here for as long as it is kept. The name and the external id are free.
-- p_right is as of access_refusal. Outcomes: deleted (the event has the number seq), and the refusals of lock_chat_for.
-- A deletion is an act of the audit log, chat.deleted.
-- The function waits at most 1 s for the chat's row, and as long for each membership, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_chat(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    outcome := 'deleted';
    -- Later than any other membership's end, so that only those that end here have this time.
    at := greatest(clock_timestamp(), (SELECT max(m.left_at) FROM chat_memberships m WHERE m.chat_id = p_chat_id) + interval '1 ms')::timestamptz(3);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'chat.deleted', p_actor_id, at);
    UPDATE chats c SET deleted_at = delete_chat.at, name_key = NULL, external_id = NULL, member_count = 0 WHERE c.id = p_chat_id;
    UPDATE chat_memberships m SET left_at = delete_chat.at WHERE m.chat_id = p_chat_id AND m.left_at IS NULL;
    PERFORM write_audit(p_actor_id, p_family_id, 'chat.deleted', p_chat_id, NULL);
  END IF;
  RETURN NEXT;
END
$$;

-- Returns what a client of the user's inbox has to be told, in one snapshot: a row for each chat of which the user is a member, or was
-- one since the client's position. from_seq: the client has the changes up to this one. changes: the user's own joins (numbers) and
-- removals (negative numbers) since the position, or more of them; the deletion of a chat removes all members of then. state_due: the user's own state of the chat has changed since.
-- One more row, without a chat, has what is of the snapshot: xmin is its lowest running transaction, newest the highest of the user's marks.
-- The position (src/domain/mine/inbox-position.ts): levels as p_ids_below (null for no bound) and p_below, exceptions as p_chat_ids and
-- p_seqs. Without levels the client has everything up to now. Fewer than p_most changes are read; with more, instance is null.
CREATE OR REPLACE FUNCTION inbox_chats(p_user_id uuid, p_ids_below uuid[], p_below float8[], p_states_below float8, p_chat_ids uuid[], p_seqs int[], p_most int)
RETURNS TABLE (instance text, xmin float8, newest float8, chat_id uuid, epoch text, seq int, mark float8, is_member boolean, from_seq int, changes int[], state_due boolean)
LANGUAGE sql
STABLE
SET enable_seqscan = off
SET jit = off
AS $$
  WITH since AS MATERIALIZED (
    -- The client may lack changes of an exception that are older than its level: from the first of them on.
    SELECT least((SELECT min(l.below) FROM unnest(p_below) AS l (below)), (
      SELECT min(next.mark) FROM unnest(p_chat_ids, p_seqs) AS x (chat_id, seq) CROSS JOIN LATERAL (
        (SELECT m.mark FROM messages m WHERE m.chat_id = x.chat_id AND m.seq > x.seq ORDER BY m.seq LIMIT 1)
        UNION ALL
        (SELECT e.mark FROM chat_events e WHERE e.chat_id = x.chat_id AND e.seq > x.seq ORDER BY e.seq LIMIT 1)) next)) AS mark
  ), changed AS MATERIALIZED (
    SELECT e.chat_id, e.seq, e.mark, e.kind FROM chat_events e
    WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%' AND e.mark >= (SELECT since.mark FROM since)
    ORDER BY e.mark LIMIT p_most
  ), changes AS MATERIALIZED (
    SELECT x.chat_id, array_agg(CASE x.kind WHEN 'member.added' THEN x.seq ELSE -x.seq END ORDER BY x.seq)
      FILTER (WHERE x.kind IN ('member.added', 'member.removed')) AS seqs
    FROM changed x GROUP BY x.chat_id
  ), wanted AS (
    SELECT m.chat_id, true AS is_member, m.state_mark >= p_states_below AS state_due
    FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL
    UNION ALL
    (SELECT x.chat_id, false, false FROM changes x WHERE NOT EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = x.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL)
    UNION
    SELECT m.chat_id, false, false FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = p_user_id AND m.left_at IS NOT NULL AND m.left_at = c.deleted_at)
  ), leveled AS (
    SELECT c.id, c.epoch, c.last_seq, c.mark, w.is_member, w.state_due, x.seq AS excepted,
      NOT w.is_member AND c.deleted_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = p_user_id AND m.left_at = c.deleted_at) AS is_ended,
      -- Nearly always there is one level.
      CASE WHEN cardinality(p_below) = 1 THEN p_below[1] ELSE (
        SELECT l.below FROM unnest(p_ids_below, p_below) WITH ORDINALITY AS l (id_below, below, place)
        WHERE l.id_below IS NULL OR c.id < l.id_below ORDER BY l.place LIMIT 1) END AS below
    FROM wanted w JOIN chats c ON c.id = w.chat_id
    LEFT JOIN unnest(p_chat_ids, p_seqs) AS x (chat_id, seq) ON x.chat_id = c.id
  ), started AS MATERIALIZED (
    SELECT l.*, CASE WHEN l.is_ended THEN ARRAY[-l.last_seq] ELSE '{}' END AS ended, CASE
        WHEN l.excepted IS NOT NULL THEN least(l.excepted, l.last_seq)
        WHEN l.below IS NULL OR l.mark < l.below THEN l.last_seq
        ELSE chat_seq_at(l.id, l.below) END AS from_seq
    FROM leveled l
  )
  SELECT CASE WHEN (SELECT count(*) FROM changed) < p_most THEN d.epoch END, pg_snapshot_xmin(pg_current_snapshot())::text::float8,
    greatest((SELECT max(s.mark) FROM started s), (SELECT max(e.mark) FROM chat_events e WHERE e.subject_id = p_user_id AND e.kind LIKE 'member.%'), 0)::float8,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM deployment d WHERE d.is_only
  UNION ALL
  SELECT NULL, NULL, NULL, s.id, s.epoch, s.last_seq, s.mark::float8, s.is_member, s.from_seq, coalesce(h.seqs, '{}') || s.ended, s.state_due
  FROM started s LEFT JOIN changes h ON h.chat_id = s.id
$$;

-- A user joins a public chat, or an admin any group chat. Outcomes and columns as of add_chat_member, but
--   no_chat      also for a private chat that the user is no member of
--   signed_out   the user is not active, or the sign-in has ended
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION join_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text := chat_standing(p_chat_id, p_user_id, p_family_id);
  v_visibility visibility;
BEGIN
  IF v_standing = 'signed_out' THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  -- Who may not join waits for nobody.
  SELECT c.visibility INTO v_visibility FROM chats c WHERE c.id = p_chat_id;
  IF v_standing = 'outsider' AND v_visibility = 'public' THEN
    SELECT c.visibility INTO v_visibility FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  END IF;
  IF v_visibility IS NULL OR (v_standing = 'outsider' AND v_visibility <> 'public') THEN
    outcome := 'no_chat';
    RETURN NEXT;
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM add_chat_member(p_chat_id, p_user_id, p_user_id);
END
$$;

-- A user leaves a chat: ends the membership, and writes the event member.removed. A direct chat is hidden instead.
-- p_right is as of access_refusal. Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   hidden       the user's inbox leaves the direct chat out until the next message; no event
--   repeated     an admin who is no member, or the direct chat was hidden already; nothing changes
--   last_owner   the chat would have no owner any more
--   and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION leave_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_hidden boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_user_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    role := member_role(p_chat_id, p_user_id);
    SELECT m.joined_at, m.hidden INTO joined_at, v_is_hidden FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN role IS NULL THEN 'repeated'
      WHEN is_direct_chat(p_chat_id) THEN CASE WHEN v_is_hidden THEN 'repeated' ELSE 'hidden' END
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
  END IF;
  IF outcome = 'hidden' THEN
    UPDATE chat_memberships m SET hidden = true, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  ELSIF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = leave_chat.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    PERFORM count_members(p_chat_id, -1);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_user_id, p_user_id, at, '{"cause": "left"}');
  END IF;
  RETURN NEXT;
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
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
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
  INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark)
  SELECT p_chat_id, added.user_id, open_direct_chat.at, added.seq, v_mark
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  SELECT p_chat_id, added.seq, v_mark, 'member.added', p_actor_id, added.user_id, open_direct_chat.at
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  RETURN NEXT;
END
$$;

-- Ends a membership, and writes the event member.removed. p_right is as of access_refusal. Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   no_user, and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The removal of another is an act of the audit log, member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_admin boolean;
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, u.role = 'admin', m.left_at IS NULL INTO role, joined_at, v_is_admin, v_is_member
    FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_is_member IS NOT TRUE THEN CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END
      WHEN v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
    IF outcome = 'rank' AND v_is_admin THEN
      role := 'owner';
    ELSIF outcome = 'repeated' THEN
      role := NULL;
      joined_at := NULL;
    END IF;
  END IF;
  IF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = remove_chat_member.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    PERFORM count_members(p_chat_id, -1);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at, '{"cause": "removed"}');
    IF p_user_id IS DISTINCT FROM p_actor_id THEN
      PERFORM write_audit(p_actor_id, p_family_id, 'member.removed', p_chat_id, p_user_id::text, jsonb_build_object('role', role));
    END IF;
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
--   no_chat      there is no such chat, or it is deleted, or it is a direct chat of others
--   too_many     this would be more than p_max_changes changes; nothing changes
-- Who is as asked already is not changed and takes no number. All ids are of users, and no user is named twice. An admin may take the
-- last owner away. subject is as of profile_as_json.
-- Each change is an act of the audit log: member.added, member.role_set or member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_members(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_user_ids uuid[], p_roles text[], p_removed_ids uuid[], p_exactly boolean, p_max_changes int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, kind text, subject jsonb, role chat_role, joined_at timestamptz)
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
    SELECT 'changed', v_epoch, v_before + w.place::int, v_now::timestamptz, w.kind, profile_as_json(u), m.role, m.joined_at::timestamptz
    FROM unnest(v_ids, v_kinds) WITH ORDINALITY AS w (id, kind, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = w.id JOIN users u ON u.id = w.id
    ORDER BY w.place;
  RETURN QUERY
    SELECT 'member', v_epoch, NULL::int, NULL::timestamptz, NULL::text, profile_as_json(u), m.role, m.joined_at::timestamptz
    FROM unnest(p_user_ids) WITH ORDINALITY AS given (id, place)
    JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = given.id JOIN users u ON u.id = given.id
    ORDER BY given.place;
END
$$;

-- Changes settings of a chat, and writes one event chat.updated for all of them. p_right is as of access_refusal. p_change has those
-- that are given, by their names in the API, and with the name its key, nameKey. Outcomes:
--   updated      the event has the number seq; changed names the settings that have another value now, chat is as of chat_as_json
--   repeated     all of it was so already; nothing changes
--   archived     the chat is archived, and stays so: then nothing of it changes
--   no_admin     an admin alone may change the external id
--   and the refusals of lock_chat_for
-- A change is an act of the audit log, chat.updated.
-- A name or an external id that another chat has is a unique violation.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_settings(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_change jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, changed text[], chat jsonb)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_was chats;
  v_is chats;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  -- Of an archived chat, what is so already may be asked for again.
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right || '{"whileArchived": true}') l;
  IF outcome = 'locked' THEN
    SELECT c.* INTO v_was FROM chats c WHERE c.id = p_chat_id;
    at := clock_timestamp()::timestamptz(3);
    v_is := v_was;
    IF p_change ? 'name' THEN
      v_is.name := p_change ->> 'name';
      v_is.name_key := p_change ->> 'nameKey';
    END IF;
    IF p_change ? 'topic' THEN v_is.topic := p_change ->> 'topic'; END IF;
    IF p_change ? 'visibility' THEN v_is.visibility := (p_change ->> 'visibility')::visibility; END IF;
    IF p_change ? 'postingRole' THEN v_is.posting_role := (p_change ->> 'postingRole')::chat_role; END IF;
    IF p_change ? 'slowSeconds' THEN v_is.slow_seconds := (p_change ->> 'slowSeconds')::int; END IF;
    IF p_change ? 'invites' THEN v_is.invites := (p_change ->> 'invites')::invite_policy; END IF;
    IF p_change ? 'receipts' THEN v_is.receipts := (p_change ->> 'receipts')::boolean; END IF;
    IF p_change ? 'retentionDays' THEN v_is.retention_days := (p_change ->> 'retentionDays')::int; END IF;
    IF p_change ? 'metadata' THEN v_is.metadata := nullif(p_change -> 'metadata', 'null'); END IF;
    IF p_change ? 'externalId' THEN v_is.external_id := p_change ->> 'externalId'; END IF;
    IF p_change ? 'archived' THEN
      v_is.archived_at := CASE WHEN (p_change ->> 'archived')::boolean THEN coalesce(v_was.archived_at, at) END;
    END IF;
    changed := array_remove(ARRAY[
      CASE WHEN v_is.name <> v_was.name THEN 'name' END,
      CASE WHEN v_is.topic <> v_was.topic THEN 'topic' END,
      CASE WHEN v_is.visibility <> v_was.visibility THEN 'visibility' END,
      CASE WHEN v_is.posting_role <> v_was.posting_role THEN 'postingRole' END,
      CASE WHEN v_is.slow_seconds <> v_was.slow_seconds THEN 'slowSeconds' END,
      CASE WHEN v_is.invites <> v_was.invites THEN 'invites' END,
      CASE WHEN v_is.receipts <> v_was.receipts THEN 'receipts' END,
      CASE WHEN v_is.retention_days IS DISTINCT FROM v_was.retention_days THEN 'retentionDays' END,
      CASE WHEN v_is.metadata IS DISTINCT FROM v_was.metadata THEN 'metadata' END,
      CASE WHEN v_is.external_id IS DISTINCT FROM v_was.external_id THEN 'externalId' END,
      CASE WHEN (v_is.archived_at IS NULL) <> (v_was.archived_at IS NULL) THEN 'archived' END], NULL);
    outcome := CASE
      WHEN p_change ? 'externalId' AND v_standing <> 'admin' THEN 'no_admin'
      WHEN cardinality(changed) = 0 THEN 'repeated'
      WHEN v_was.archived_at IS NOT NULL AND v_is.archived_at IS NOT NULL THEN 'archived'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    UPDATE chats c SET name = v_is.name, name_key = v_is.name_key, topic = v_is.topic, visibility = v_is.visibility,
      posting_role = v_is.posting_role, slow_seconds = v_is.slow_seconds, invites = v_is.invites, receipts = v_is.receipts,
      retention_days = v_is.retention_days, metadata = v_is.metadata, external_id = v_is.external_id, archived_at = v_is.archived_at
    WHERE c.id = p_chat_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, data, created_at)
    VALUES (p_chat_id, seq, v_mark, 'chat.updated', p_actor_id, jsonb_build_object('changed', changed), at);
    chat := chat_as_json(v_is);
    PERFORM write_audit(p_actor_id, p_family_id, 'chat.updated', p_chat_id, NULL, jsonb_build_object('changed', changed));
  ELSIF outcome = 'repeated' THEN
    seq := v_was.last_seq;
  END IF;
  RETURN NEXT;
END
$$;

UPDATE "chats" c SET "member_count" = (
  SELECT count(*) FROM "chat_memberships" m WHERE m."chat_id" = c."id" AND m."left_at" IS NULL);

-- The public chats that one may join, in the order of their names; it finds the beginning of a name too.
CREATE INDEX "chats_public_idx" ON "chats" ("name_key" COLLATE "C")
  WHERE "visibility" = 'public' AND "deleted_at" IS NULL AND "archived_at" IS NULL;

-- The chats whose rows are to go.
CREATE INDEX "chats_deleted_idx" ON "chats" ("deleted_at") WHERE "deleted_at" IS NOT NULL;
