-- Deletes messages of a chat, and writes an event message.deleted for each, in the order of their numbers. p_needs is the lowest role
-- that deletes its own messages, p_needs_for_others the lowest that deletes everybody's (chats/rights.ts). The ids are different.
-- Returns a row for each message, in the order given. Outcomes:
--   deleted      the event has the number seq
--   repeated     the message was deleted before; it takes no number
-- or one row for all, after which nothing has changed:
--   no_message   the chat lacks one of the messages
--   not_yours    another user sent one of them
--   and the refusals of lock_chat_for
-- What was said goes with its former versions, mentions, metadata, reactions and pin. The message's place stays, in its thread too. The
-- nonce stays, so that a repeated send is not stored again.
-- The deletion of another's message is an act of the audit log, message.deleted.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION delete_messages(p_chat_id uuid, p_message_ids uuid[], p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_seqs int[];
  v_seq int;
  v_id uuid;
  v_sender_id uuid;
  -- The acts for the audit log.
  v_acts jsonb := '[]';
  v_has_others boolean := false;
  v_flags int;
  -- The numbers of those that are not deleted yet, in their order.
  v_new int[] := '{}';
  -- The number before those of the events.
  v_before int;
  v_mark bigint;
  v_thread int;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT array_agg(message_seq_of(p_chat_id, asked.id) ORDER BY asked.place) INTO v_seqs
    FROM unnest(p_message_ids) WITH ORDINALITY AS asked (id, place);
    -- One by one, here and below: a plan for several numbers may read the whole chat for them.
    FOREACH v_seq IN ARRAY v_seqs LOOP
      SELECT m.sender_id, m.flags INTO v_sender_id, v_flags
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      v_has_others := v_has_others OR v_sender_id <> p_actor_id;
      IF v_flags & 1 = 0 THEN
        v_new := v_new || v_seq;
      END IF;
    END LOOP;
    outcome := CASE
      WHEN array_position(v_seqs, NULL) IS NOT NULL THEN 'no_message'
      WHEN v_has_others AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      ELSE 'deleted' END;
  END IF;
  IF outcome <> 'deleted' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  IF cardinality(v_new) > 0 THEN
    v_new := ARRAY(SELECT gone.seq FROM unnest(v_new) AS gone (seq) ORDER BY gone.seq);
    SELECT n.seq - cardinality(v_new), n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, cardinality(v_new)) n;
    FOR i IN 1 .. cardinality(v_new) LOOP
      v_seq := v_new[i];
      SELECT m.id, m.sender_id, m.flags INTO v_id, v_sender_id, v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      -- Of the flags, the place in the timeline stays.
      UPDATE messages m SET content = '', flags = (m.flags & 2) | 9 WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      INSERT INTO message_extras AS x (chat_id, seq, deleted_at, deleted_by_id) VALUES (p_chat_id, v_seq, delete_messages.at, p_actor_id)
      ON CONFLICT (chat_id, seq) DO UPDATE
        SET deleted_at = excluded.deleted_at, deleted_by_id = excluded.deleted_by_id, mention_all = false, metadata = NULL,
          reactions = NULL, pinned_at = NULL, pinned_by_id = NULL
      RETURNING x.thread_root_seq INTO v_thread;
      -- A plain message has neither earlier words nor mentions.
      IF v_flags <> 0 THEN
        DELETE FROM message_revisions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq;
        DELETE FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_seq;
      END IF;
      IF v_thread IS NOT NULL THEN
        UPDATE threads t SET reply_count = t.reply_count - 1,
          last_reply_seq = coalesce((SELECT x.seq FROM message_extras x
            WHERE x.chat_id = t.chat_id AND x.thread_root_seq = t.root_seq AND x.deleted_at IS NULL ORDER BY x.seq DESC LIMIT 1), 0)
        WHERE t.chat_id = p_chat_id AND t.root_seq = v_thread;
      END IF;
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
      VALUES (p_chat_id, v_before + i, v_mark, 'message.deleted', p_actor_id, v_seq, delete_messages.at);
      IF v_sender_id <> p_actor_id THEN
        v_acts := v_acts || jsonb_build_object('actor', p_actor_id, 'client', (SELECT f.client_id FROM token_families f WHERE f.id = p_family_id),
          'action', 'message.deleted', 'chat', p_chat_id, 'target', v_id, 'data', jsonb_build_object('seq', v_seq, 'sender', v_sender_id));
      END IF;
    END LOOP;
    PERFORM drop_reactions(p_chat_id, v_new);
    PERFORM write_audit_entries(v_acts);
  END IF;

  RETURN QUERY
  SELECT CASE WHEN gone.place IS NULL THEN 'repeated' ELSE 'deleted' END, epoch, (v_before + gone.place)::int, at,
    j.chat_id, j.message, j.extras
  FROM unnest(v_seqs) WITH ORDINALITY AS asked (seq, place)
  JOIN messages_as_json(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs) j ON (j.message ->> 'seq')::int = asked.seq
  LEFT JOIN unnest(v_new) WITH ORDINALITY AS gone (seq, place) ON gone.seq = asked.seq
  ORDER BY asked.place;
END
$$;

-- Drops what the earlier versions of a message said. p_needs is the lowest role that does it to its own messages, p_needs_for_others the
-- lowest that does it to everybody's (chats/rights.ts). It is no event: what others see of the chat does not change. Outcomes:
--   forgotten    also when there was nothing to drop
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   and the refusals of lock_chat_for
-- Dropping earlier versions of another's message is an act of the audit log, message.history_forgotten.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION forget_history(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_for_others chat_role)
RETURNS TABLE (outcome text, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_message_seq int;
  v_sender_id uuid;
  v_is_change boolean;
BEGIN
  SELECT l.outcome, l.standing INTO outcome, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id INTO v_sender_id FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_sender_id <> p_actor_id AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      ELSE 'forgotten' END;
  END IF;
  IF outcome = 'forgotten' THEN
    -- The rows stay: edits within a minute are counted.
    UPDATE message_revisions r SET content = NULL
    WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.content IS NOT NULL;
    v_is_change := FOUND;
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
    IF v_is_change AND v_sender_id <> p_actor_id THEN
      PERFORM write_audit(p_actor_id, p_family_id, 'message.history_forgotten', p_chat_id, p_message_id::text,
        jsonb_build_object('seq', v_message_seq, 'sender', v_sender_id));
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Ends a membership, and writes the event member.removed. p_needs is the lowest role that may do it (chats/rights.ts). Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   direct       the actor is one of the two members of a direct chat, whom nobody removes
--   no_user, and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The removal of another is an act of the audit log, member.removed.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_direct boolean := is_direct_chat(p_chat_id);
  v_is_admin boolean;
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, CASE WHEN v_is_direct THEN 'reader' ELSE p_needs END) l;
  IF outcome = 'locked' AND v_is_direct THEN
    outcome := 'direct';
  ELSIF outcome = 'locked' THEN
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
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at);
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
--   no_chat      there is no such chat, or it is a direct chat of others
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
  SELECT c.epoch, c.kind INTO v_epoch, v_chat_kind FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
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
    UPDATE chat_memberships m SET role = w.role
    FROM unnest(v_ids, v_kinds, v_roles) AS w (id, kind, role)
    WHERE w.kind = 'member.updated' AND m.chat_id = p_chat_id AND m.user_id = w.id;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    SELECT p_chat_id, v_before + w.place::int, v_mark, w.kind, p_actor_id, w.id, v_now
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

-- Gives a member another role, and writes the event member.updated. p_needs is the lowest role that may do it (chats/rights.ts).
-- Outcomes:
--   updated      the member has the role now; the event has the number seq
--   repeated     the member had it already; nothing changes
--   last_owner   the chat would have no owner any more
--   direct       the actor is one of the two members of a direct chat, which has no other roles
--   no_member, and the refusals of lock_chat_for
-- A change is an act of the audit log, member.role_set.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_direct boolean := is_direct_chat(p_chat_id);
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, CASE WHEN v_is_direct THEN 'reader' ELSE p_needs END) l;
  IF outcome = 'locked' AND v_is_direct THEN
    outcome := 'direct';
  ELSIF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT m.role, m.joined_at INTO role, joined_at FROM chat_memberships m
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

-- Writes acts to the audit log, in their order. Each of p_acts is an object {actor, client, action, chat, target, data, reason}, of which
-- all but the action may be missing: the actor is a user's id (none for an operator), the client is the client_id of the token, the data
-- is an object that stays for ever: ids, numbers, times, names of choices, and never what somebody wrote.
--
-- The log is a chain. entry is the canonical text of the act with its number and time, and hash = sha256(hash of the entry before ||
-- entry); 32 zero bytes stand before the first. A reason is free text that may have to be erased: the entry holds the hash of its salt
-- and its text, which stand beside it.
--
-- Call it as the last thing of the transaction that does the acts. The head of the chain is locked from here to COMMIT, after every other
-- lock: so numbers are dense, there is one chain, and an act has its entry or has not happened.
-- The function waits at most 1 s for the head, then fails with SQLSTATE 55P03.
CREATE OR REPLACE FUNCTION write_audit_entries(p_acts jsonb)
RETURNS void
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
DECLARE
  v_act jsonb;
  v_seq int;
  v_hash bytea;
  v_at timestamptz(3);
  v_entry text;
  v_reason text;
  v_salt bytea;
BEGIN
  IF jsonb_array_length(p_acts) = 0 THEN
    RETURN;
  END IF;
  SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    -- The first act of all. Another first act that is not committed is waited for here.
    INSERT INTO audit_head (is_only, seq, hash) VALUES (true, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h FOR NO KEY UPDATE;
  END IF;
  -- Under the lock: times have the order of the numbers, as far as the clock goes forward.
  v_at := clock_timestamp();
  FOR v_act IN SELECT a.value FROM jsonb_array_elements(p_acts) WITH ORDINALITY AS a (value, place) ORDER BY a.place LOOP
    v_seq := v_seq + 1;
    v_reason := v_act ->> 'reason';
    v_salt := CASE WHEN v_reason IS NOT NULL THEN uuid_send(gen_random_uuid()) END;
    v_entry := '{"action":' || to_json(v_act ->> 'action')::text
      || ',"actor":' || coalesce(to_json(v_act ->> 'actor')::text, 'null')
      || ',"at":"' || to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      || '","chat":' || coalesce(to_json(v_act ->> 'chat')::text, 'null')
      || ',"client":' || coalesce(to_json(v_act ->> 'client')::text, 'null')
      || ',"data":' || canonical_json(coalesce(nullif(v_act -> 'data', 'null'), '{}'))
      || ',"reason":' || coalesce('"' || encode(sha256(v_salt || convert_to(v_reason, 'UTF8')), 'hex') || '"', 'null')
      || ',"seq":' || v_seq
      || ',"target":' || coalesce(to_json(v_act ->> 'target')::text, 'null') || '}';
    v_hash := sha256(v_hash || convert_to(v_entry, 'UTF8'));
    INSERT INTO audit_log (seq, at, actor_id, client_id, action, chat_id, target, entry, hash, reason, reason_salt)
    VALUES (v_seq, v_at, (v_act ->> 'actor')::uuid, v_act ->> 'client', v_act ->> 'action', (v_act ->> 'chat')::uuid,
      v_act ->> 'target', v_entry, v_hash, v_reason, v_salt);
  END LOOP;
  UPDATE audit_head h SET seq = v_seq, hash = v_hash;
END
$$;
