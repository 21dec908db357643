-- Appends one message that is not plain, with the number p_seq, for append_messages, which has locked the chat's row. p_extras has what
-- the message has of:
--   replyTo      the id of the message that it quotes
--   thread       the id of the root of the thread that it is a reply in
--   alsoInChat   true: the reply is in the main timeline too
--   mentions     the ids of the users whom it names, each once
--   mentionAll   {"needs", "limit", "needsAbove"}: it mentions every member; the role that this takes, and the role in a chat with
--                more than so many members
--   metadata     an object of the client's
-- Outcomes, of which only the first writes anything:
--   created               message is its row of messages_as_json
--   no_reply_to           the chat has no message with the id replyTo
--   reply_to_deleted      that message is deleted
--   no_thread             the chat has no message with the id thread, or it is deleted and has no replies
--   thread_in_thread      that message is a reply in a thread itself
--   no_member             somebody whom the message names is not an active member
--   mention_all           the sender's role is lower than needs
--   mention_all_large     the sender's role is lower than needsAbove
CREATE OR REPLACE FUNCTION append_with_extras(p_chat_id uuid, p_seq int, p_id uuid, p_sender_id uuid, p_content text, p_nonce text, p_at timestamptz, p_mark bigint, p_extras jsonb)
RETURNS TABLE (outcome text, message jsonb)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_mention_all jsonb := p_extras -> 'mentionAll';
  v_mentioned uuid[] := array(SELECT jsonb_array_elements_text(p_extras -> 'mentions')::uuid);
  v_is_thread_only boolean := p_extras ? 'thread' AND NOT p_extras ? 'alsoInChat';
  v_role chat_role;
  v_reply_to_seq int;
  v_root_seq int;
  v_root_sender uuid;
  v_root_flags smallint;
  v_is_reply boolean;
  v_is_first_reply boolean;
  v_timeline_seq int;
BEGIN
  -- A user's row may be locked, and append_messages may wait for locks without a limit, having skipped those that it expects.
  IF current_setting('lock_timeout') = '0' THEN
    PERFORM set_config('lock_timeout', '50', true);
  END IF;

  IF p_extras ? 'replyTo' THEN
    v_reply_to_seq := message_seq_of(p_chat_id, (p_extras ->> 'replyTo')::uuid);
    outcome := (SELECT CASE WHEN m.flags & 1 <> 0 THEN 'reply_to_deleted' ELSE 'created' END
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_reply_to_seq);
    outcome := coalesce(outcome, 'no_reply_to');
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF p_extras ? 'thread' THEN
    v_root_seq := message_seq_of(p_chat_id, (p_extras ->> 'thread')::uuid);
    SELECT m.sender_id, m.flags, x.thread_root_seq IS NOT NULL INTO v_root_sender, v_root_flags, v_is_reply
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = v_root_seq;
    outcome := CASE
      WHEN NOT FOUND THEN 'no_thread'
      WHEN v_is_reply THEN 'thread_in_thread'
      WHEN v_root_flags & 1 <> 0 AND NOT EXISTS (
        SELECT 1 FROM threads t WHERE t.chat_id = p_chat_id AND t.root_seq = v_root_seq AND t.reply_count > 0) THEN 'no_thread'
      ELSE 'created' END;
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF EXISTS (SELECT 1 FROM unnest(v_mentioned) AS named (id) WHERE NOT is_active_member(p_chat_id, named.id)) THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;

  IF v_mention_all IS NOT NULL THEN
    v_role := (SELECT CASE WHEN u.role = 'admin' AND NOT is_direct_chat(p_chat_id) THEN 'owner' ELSE m.role END
      FROM users u LEFT JOIN chat_memberships m ON m.chat_id = p_chat_id AND m.user_id = u.id AND m.left_at IS NULL
      WHERE u.id = p_sender_id);
    outcome := CASE
      WHEN v_role < (v_mention_all ->> 'needs')::chat_role THEN 'mention_all'
      WHEN v_role >= (v_mention_all ->> 'needsAbove')::chat_role THEN 'created'
      WHEN (SELECT count(*) FROM (SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.left_at IS NULL
        LIMIT (v_mention_all ->> 'limit')::int + 1) members) > (v_mention_all ->> 'limit')::int THEN 'mention_all_large'
      ELSE 'created' END;
    IF outcome <> 'created' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF v_is_thread_only THEN
    v_timeline_seq := timeline_seq_at(p_chat_id, p_seq - 1);
  END IF;
  INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at, mark, flags)
  VALUES (p_chat_id, p_seq, p_id, p_sender_id, p_content, p_nonce, p_at, p_mark, CASE WHEN v_is_thread_only THEN 10 ELSE 8 END);
  INSERT INTO message_extras (chat_id, seq, reply_to_seq, thread_root_seq, also_in_chat, timeline_seq, mention_all, metadata)
  VALUES (p_chat_id, p_seq, v_reply_to_seq, v_root_seq, p_extras ? 'alsoInChat', v_timeline_seq, v_mention_all IS NOT NULL, p_extras -> 'metadata');
  INSERT INTO mentions (user_id, chat_id, at_seq, message_seq, place, at)
  SELECT named.user_id, p_chat_id, p_seq, p_seq, named.place, p_at FROM unnest(v_mentioned) WITH ORDINALITY AS named (user_id, place);

  IF v_root_seq IS NOT NULL THEN
    v_is_first_reply := NOT EXISTS (SELECT 1 FROM threads t WHERE t.chat_id = p_chat_id AND t.root_seq = v_root_seq);
    INSERT INTO threads AS t (chat_id, root_seq, root_id, reply_count, last_reply_seq)
    VALUES (p_chat_id, v_root_seq, (p_extras ->> 'thread')::uuid, 1, p_seq)
    ON CONFLICT (chat_id, root_seq) DO UPDATE SET reply_count = t.reply_count + 1, last_reply_seq = p_seq;
    IF v_is_first_reply THEN
      PERFORM follow_thread(p_chat_id, v_root_seq, array_append(
        array(SELECT n.user_id FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_root_seq), v_root_sender), v_root_seq);
    END IF;
    PERFORM follow_thread(p_chat_id, v_root_seq, ARRAY[p_sender_id], p_seq);
    PERFORM follow_thread(p_chat_id, v_root_seq, array_remove(v_mentioned, p_sender_id), p_seq - 1);
  END IF;

  outcome := 'created';
  message := (SELECT to_jsonb(j) FROM messages_as_json(ARRAY[p_chat_id], ARRAY[p_seq]) j);
  RETURN NEXT;
END
$$;

-- Returns the rights of a user in a chat: 'admin', or the role of the user's membership, or
--   outsider     the user is neither a member nor an admin
--   signed_out   the user is not active, or the sign-in has ended
-- In a direct chat nobody is an admin.
-- Locks the rows of the user and the sign-in until COMMIT, so a demotion or a sign-out comes wholly before this transaction or
-- after it. The role of the membership is fixed until COMMIT only if the caller has locked the chat's row.
CREATE OR REPLACE FUNCTION chat_standing(p_chat_id uuid, p_user_id uuid, p_family_id uuid)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_role user_role;
BEGIN
  SELECT u.role INTO v_role FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    RETURN 'signed_out';
  END IF;
  IF v_role = 'admin' AND NOT is_direct_chat(p_chat_id) THEN
    RETURN 'admin';
  END IF;
  RETURN coalesce(member_role(p_chat_id, p_user_id)::text, 'outsider');
END
$$;

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
  v_is_others boolean;
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
      SELECT m.sender_id <> p_actor_id, m.flags INTO v_is_others, v_flags
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
      v_has_others := v_has_others OR v_is_others;
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
      SELECT m.flags INTO v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
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
    END LOOP;
    PERFORM drop_reactions(p_chat_id, v_new);
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

-- Deletes the reactions of messages of a chat, for messages that are deleted. The caller has locked the chat's row. Reactions of
-- transactions that are not committed yet are dropped by summarise_reactions, which finds the message deleted.
CREATE OR REPLACE FUNCTION drop_reactions(p_chat_id uuid, p_seqs int[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_seq int;
  v_seqs int[] := '{}';
BEGIN
  -- One by one, here and below: a plan for several numbers may read the reactions of the whole chat.
  FOREACH v_seq IN ARRAY p_seqs LOOP
    IF EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq) THEN
      v_seqs := v_seqs || v_seq;
    END IF;
  END LOOP;
  IF cardinality(v_seqs) > 0 THEN
    PERFORM lock_reactions(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs, true);
    FOREACH v_seq IN ARRAY v_seqs LOOP
      DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq;
    END LOOP;
  END IF;
END
$$;

-- Gives a message other words, mentions or metadata, and writes the event message.edited. p_needs is the lowest role that may do it
-- (chats/rights.ts). p_mentions and p_metadata are null for what stays; an empty list and a JSON null take away. Outcomes:
--   edited       the event has the number seq
--   repeated     the message has all of it already, whatever p_revision is; nothing changes
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   is_deleted   the message is deleted
--   revision     the message was edited since p_revision
--   mention      somebody whom the edit adds is no active member of the chat
--   window       the message was sent more than p_window_seconds ago; null for no end
--   rate         the message was edited 10 times within a minute; the next edit may come after retry_after_ms
--   and the refusals of lock_chat_for
-- The former words go to message_revisions, which keeps the newest 100. A mention that stays keeps the number at which it was added.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION edit_message(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role, p_content text,
  p_revision int, p_mentions uuid[], p_metadata jsonb, p_window_seconds int)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, retry_after_ms int, chat_id uuid, message jsonb, extras jsonb)
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
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
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
        PERFORM follow_thread(p_chat_id, v_thread, array_remove(v_added, p_actor_id), v_message_seq - 1);
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

-- Drops what the earlier versions of a message said. p_needs is the lowest role that does it to its own messages, p_needs_for_others the
-- lowest that does it to everybody's (chats/rights.ts). It is no event: what others see of the chat does not change. Outcomes:
--   forgotten    also when there was nothing to drop
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   and the refusals of lock_chat_for
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
    SELECT j.chat_id, j.message, j.extras INTO chat_id, message, extras
    FROM messages_as_json(ARRAY[p_chat_id], ARRAY[v_message_seq]) j;
  END IF;
  RETURN NEXT;
END
$$;

-- Returns whether a user is a member of a chat, and active.
-- A subquery of one row, which the primary key finds: of several users at once, or with the condition of the index of members, a plan may
-- read all members of the chat.
CREATE OR REPLACE FUNCTION is_active_member(p_chat_id uuid, p_user_id uuid)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT coalesce((SELECT m.left_at IS NULL AND u.is_active FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id), false)
$$;

-- Locks a chat's row until COMMIT, and checks that the user is an admin or has at least the role p_needs there; in a direct chat, that
-- the user has the role. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat
--   outsider, signed_out   as of chat_standing
--   role                   the user's role is lower than p_needs
-- The user's own rows are locked first, as in every statement on an admin's word: whoever waits for them holds up no chat.
-- p_family_id is null for an operator, who may do everything. standing is 'admin' for admins and operators, otherwise the result of
-- chat_standing.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, standing text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
  standing := CASE WHEN p_family_id IS NULL THEN 'admin' ELSE chat_standing(p_chat_id, p_user_id, p_family_id) END;
  -- Once before the chat's row is locked, and once more when the role can change no more.
  FOR i IN 1 .. 2 LOOP
    outcome := CASE
      WHEN standing = 'admin' THEN 'locked'
      WHEN standing IN ('outsider', 'signed_out') THEN standing
      WHEN standing::chat_role < p_needs THEN 'role'
      ELSE 'locked' END;
    EXIT WHEN outcome <> 'locked' OR i = 2;
    SELECT c.epoch INTO epoch FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      outcome := 'no_chat';
      EXIT;
    END IF;
    IF standing <> 'admin' THEN
      standing := coalesce(member_role(p_chat_id, p_user_id)::text, 'outsider');
    END IF;
  END LOOP;
  RETURN NEXT;
END
$$;

-- Returns the role of a user's membership in a chat; null when the user is no member.
-- Found by the primary key: with the condition of the index of members, a plan may read all members of the chat.
CREATE OR REPLACE FUNCTION member_role(p_chat_id uuid, p_user_id uuid)
RETURNS chat_role
LANGUAGE sql
STABLE
AS $$
  SELECT CASE WHEN m.left_at IS NULL THEN m.role END FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id
$$;

-- Pins a message in its chat or unpins it, and writes the event message.pinned or message.unpinned. p_needs is the lowest role that may
-- do it, p_needs_in_direct the lowest in a direct chat (chats/rights.ts). Outcomes:
--   changed      the event has the number seq
--   repeated     the message is pinned, or is not, already; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted, and cannot be pinned
--   full         the chat has p_max pins
--   and the refusals of lock_chat_for
-- No two pins of a chat have the same time, so their order is exact.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_pin(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role,
  p_needs_in_direct chat_role, p_pinned boolean, p_max int)
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
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id,
    CASE WHEN is_direct_chat(p_chat_id) THEN p_needs_in_direct ELSE p_needs END) l;
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
