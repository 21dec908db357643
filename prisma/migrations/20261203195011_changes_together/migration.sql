DROP FUNCTION delete_messages(uuid, uuid[], uuid, uuid, jsonb, chat_role);
DROP FUNCTION edit_message(uuid, uuid, uuid, uuid, jsonb, text, integer, uuid[], jsonb, integer);
DROP FUNCTION lock_chat_for(uuid, uuid, uuid, jsonb);
DROP FUNCTION lock_sign_in(uuid, uuid);
DROP FUNCTION set_pin(uuid, uuid, uuid, uuid, jsonb, boolean, integer);

-- Deletes messages of a chat, and writes an event message.deleted for each, in the order of their numbers. p_right is as of
-- access_refusal, for the actor's own messages; p_needs_for_others is the lowest role that deletes everybody's (chats/rights.ts). The ids are different.
-- Returns a row for each message, in the order given. Outcomes:
--   deleted      the event has the number seq
--   repeated     the message was deleted before; it takes no number
-- or one row for all, after which nothing has changed:
--   no_message   the chat lacks one of the messages
--   not_yours    another user sent one of them
--   busy         also with p_waits false: another user sent one of them. The audit log is locked last, which this transaction would not do
--   and the refusals of lock_chat_for
-- What was said goes with its former versions, mentions, metadata, reactions and pin. The message's place stays, in its thread too. The
-- nonce stays, so that a repeated send is not stored again.
-- The deletion of another's message is an act of the audit log, message.deleted.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing. With p_waits false it waits for
-- none, so that one transaction can change several chats.
CREATE OR REPLACE FUNCTION delete_messages(p_chat_id uuid, p_message_ids uuid[], p_actor_id uuid, p_family_id uuid, p_right jsonb,
  p_needs_for_others chat_role,
  p_waits boolean DEFAULT true)
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
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right, p_waits) l;
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
      WHEN v_has_others AND NOT p_waits THEN 'busy'
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

-- Gives a message other words, mentions or metadata, and writes the event message.edited. p_right is as of
-- access_refusal. p_mentions and p_metadata are null for what stays; an empty list and a JSON null take away. Outcomes:
--   edited       the event has the number seq
--   repeated     the message has all of it already, whatever p_revision is; nothing changes
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   is_deleted   the message is deleted
--   revision     the message was edited since p_revision
--   mention      somebody whom the edit adds is no active member of the chat
--   window       the message was sent more than p_window_seconds ago; null for no end
--   rate         the message was edited 10 times within a minute; the next edit may come after retry_after_ms
--   and busy and the refusals of lock_chat_for, with its needs
-- The former words go to message_revisions, which keeps the newest 100. A mention that stays keeps the number at which it was added.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing. With p_waits false it waits for
-- none, so that one transaction can change several chats.
CREATE OR REPLACE FUNCTION edit_message(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_content text,
  p_revision int, p_mentions uuid[], p_metadata jsonb, p_window_seconds int,
  p_waits boolean DEFAULT true)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, needs text, retry_after_ms int, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_message_seq int;
  v_sender_id uuid;
  v_content text;
  v_created timestamptz;
  v_is_deleted boolean;
  v_revision int;
  v_edited timestamptz;
  v_metadata jsonb;
  v_new_metadata jsonb;
  v_thread int;
  -- With p_mentions alone.
  v_mentions uuid[];
  v_added uuid[] := '{}';
  -- When the tenth newest edit was made.
  v_tenth timestamptz;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.needs INTO outcome, epoch, needs FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right, p_waits) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id, m.content, m.created_at, m.flags & 1 <> 0,
        coalesce(x.revision, 0), coalesce(x.edited_at, m.created_at), x.metadata, x.thread_root_seq
      INTO v_sender_id, v_content, v_created, v_is_deleted, v_revision, v_edited, v_metadata, v_thread
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    v_new_metadata := CASE WHEN p_metadata IS NULL THEN v_metadata WHEN p_metadata <> 'null' THEN p_metadata END;
    IF p_mentions IS NOT NULL THEN
      SELECT coalesce(array_agg(n.user_id ORDER BY n.place), '{}') INTO v_mentions
      FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq;
      SELECT coalesce(array_agg(wanted.id), '{}') INTO v_added
      FROM unnest(p_mentions) AS wanted (id) WHERE wanted.id <> ALL (v_mentions);
    END IF;
    IF v_revision >= 10 THEN
      SELECT r.at INTO v_tenth FROM message_revisions r
      WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision = v_revision - 9;
    END IF;
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_sender_id <> p_actor_id THEN 'not_yours'
      WHEN v_is_deleted THEN 'is_deleted'
      WHEN v_content = p_content AND (p_mentions IS NULL OR p_mentions = v_mentions) AND v_new_metadata IS NOT DISTINCT FROM v_metadata THEN 'repeated'
      WHEN v_revision <> p_revision THEN 'revision'
      WHEN EXISTS (SELECT 1 FROM unnest(v_added) AS added (id) WHERE NOT is_active_member(p_chat_id, added.id)) THEN 'mention'
      WHEN at > v_created + make_interval(secs => p_window_seconds) THEN 'window'
      WHEN v_tenth > at - interval '1 minute' THEN 'rate'
      ELSE 'edited' END;
  END IF;

  IF outcome = 'rate' THEN
    retry_after_ms := ceil(extract(epoch FROM v_tenth + interval '1 minute' - at) * 1000);
  ELSIF outcome = 'edited' THEN
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO message_revisions (chat_id, seq, revision, content, at, editor_id)
    VALUES (p_chat_id, v_message_seq, v_revision, v_content, v_edited, v_sender_id);
    IF v_revision >= 100 THEN
      DELETE FROM message_revisions r
      WHERE r.chat_id = p_chat_id AND r.seq = v_message_seq AND r.revision <= v_revision - 100;
    END IF;
    UPDATE messages m SET content = p_content, flags = m.flags | 8 WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    INSERT INTO message_extras AS x (chat_id, seq, revision, edited_at, metadata)
    VALUES (p_chat_id, v_message_seq, v_revision + 1, edit_message.at, v_new_metadata)
    ON CONFLICT (chat_id, seq) DO UPDATE
      SET revision = excluded.revision, edited_at = excluded.edited_at, metadata = excluded.metadata;
    IF p_mentions IS NOT NULL THEN
      DELETE FROM mentions n
      WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq AND n.user_id <> ALL (p_mentions);
      UPDATE mentions n SET place = wanted.place
      FROM unnest(p_mentions) WITH ORDINALITY AS wanted (id, place)
      WHERE n.chat_id = p_chat_id AND n.message_seq = v_message_seq AND n.user_id = wanted.id AND n.place <> wanted.place;
      INSERT INTO mentions (user_id, chat_id, at_seq, message_seq, place, at)
      SELECT wanted.id, p_chat_id, edit_message.seq, v_message_seq, wanted.place, edit_message.at
      FROM unnest(p_mentions) WITH ORDINALITY AS wanted (id, place) WHERE wanted.id = ANY (v_added);
      -- Whom a reply names follows its thread, as when it is sent.
      IF v_thread IS NOT NULL THEN
        PERFORM follow_thread(p_chat_id, v_thread, without_blockers(array_remove(v_added, p_actor_id), p_actor_id), v_message_seq - 1);
      END IF;
    END IF;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    VALUES (p_chat_id, seq, v_mark, 'message.edited', p_actor_id, v_message_seq, at);
  END IF;
  IF outcome IN ('edited', 'repeated') THEN
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;

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

-- Returns the role of a user by whose sign-in something is done; null when the user is not active, or the sign-in has ended. Locks the
-- rows of both until COMMIT, so a demotion, a deactivation or a sign-out comes wholly before this transaction or after it. Lock them
-- before everything else: whoever waits for them holds up nobody then. With p_waits false it is null too while somebody else has locked them.
CREATE OR REPLACE FUNCTION lock_sign_in(p_user_id uuid, p_family_id uuid, p_waits boolean DEFAULT true)
RETURNS user_role
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT p_waits THEN
    RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
      WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
      FOR SHARE OF u, f SKIP LOCKED);
  END IF;
  RETURN (SELECT u.role FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
    FOR SHARE OF u, f);
END
$$;

-- Pins a message in its chat or unpins it, and writes the event message.pinned or message.unpinned. p_right is as of
-- access_refusal. Outcomes:
--   changed      the event has the number seq
--   repeated     the message is pinned, or is not, already; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted, and cannot be pinned
--   full         the chat has p_max pins
--   and busy and the refusals of lock_chat_for
-- No two pins of a chat have the same time, so their order is exact.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing. With p_waits false it waits for
-- none, so that one transaction can change several chats.
CREATE OR REPLACE FUNCTION set_pin(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb,
  p_pinned boolean, p_max int,
  p_waits boolean DEFAULT true)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, chat_id uuid, message jsonb, extras jsonb)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_message_seq int;
  v_is_deleted boolean;
  v_is_pinned boolean;
  v_pins int;
  v_newest timestamptz;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right, p_waits) l;
  IF outcome = 'locked' THEN
    v_message_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.flags & 1 <> 0, x.pinned_at IS NOT NULL INTO v_is_deleted, v_is_pinned
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq;
    SELECT count(*), max(x.pinned_at) INTO v_pins, v_newest
    FROM message_extras x WHERE x.chat_id = p_chat_id AND x.pinned_at IS NOT NULL;
    at := greatest(clock_timestamp(), v_newest + interval '1 ms')::timestamptz(3);
    outcome := CASE
      WHEN v_message_seq IS NULL THEN 'no_message'
      WHEN v_is_pinned = p_pinned THEN 'repeated'
      WHEN v_is_deleted THEN 'is_deleted'
      WHEN p_pinned AND v_pins >= p_max THEN 'full'
      ELSE 'changed' END;
  END IF;
  IF outcome = 'changed' THEN
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    UPDATE messages m SET flags = m.flags | 8 WHERE m.chat_id = p_chat_id AND m.seq = v_message_seq AND m.flags & 8 = 0;
    INSERT INTO message_extras AS x (chat_id, seq, pinned_at, pinned_by_id)
    VALUES (p_chat_id, v_message_seq, CASE WHEN p_pinned THEN at END, CASE WHEN p_pinned THEN p_actor_id END)
    ON CONFLICT (chat_id, seq) DO UPDATE SET pinned_at = excluded.pinned_at, pinned_by_id = excluded.pinned_by_id;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    VALUES (p_chat_id, seq, v_mark, CASE WHEN p_pinned THEN 'message.pinned' ELSE 'message.unpinned' END, p_actor_id, v_message_seq, at);
  END IF;
  IF outcome IN ('changed', 'repeated') THEN
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;
