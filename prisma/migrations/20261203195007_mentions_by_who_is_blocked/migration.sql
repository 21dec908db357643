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
      WHEN (SELECT c.member_count FROM chats c WHERE c.id = p_chat_id) > (v_mention_all ->> 'limit')::int THEN 'mention_all_large'
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
      PERFORM follow_thread(p_chat_id, v_root_seq, array_append(without_blockers(
        array(SELECT n.user_id FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = v_root_seq), v_root_sender), v_root_sender), v_root_seq);
    END IF;
    PERFORM follow_thread(p_chat_id, v_root_seq, ARRAY[p_sender_id], p_seq);
    PERFORM follow_thread(p_chat_id, v_root_seq, without_blockers(array_remove(v_mentioned, p_sender_id), p_sender_id), p_seq - 1);
  END IF;

  outcome := 'created';
  message := (SELECT to_jsonb(j) FROM messages_as_json(ARRAY[p_chat_id], ARRAY[p_seq]) j);
  RETURN NEXT;
END
$$;

-- Returns what chats are to their members: a row for each pair of the lists p_user_ids and p_chat_ids where the user is a member, all of
-- one moment. What is unread is counted from the rows, each time.
--   messages    unread messages of the main timeline: not deleted, not the user's own, and behind the read marker, the number at which
--               the user joined and what was truncated. One more than p_max_unread when there are more
--   first_seq   the oldest of them
--   mentions    messages of others in the main timeline that mention the user, by a name that was added or to everybody, behind the same
--               number; at most p_max_unread. The mention counts and not the message: an edit of a read message may add one. Those by
--               somebody whom the user has blocked do not count
--   threads     threads that the user follows with a reply of others behind the thread's marker; at most p_max_unread
--   notify      what the member chose; without a choice "all", and "mentions" in a chat of more than p_all_up_to members
--
-- p_known has what the caller knows of earlier calls for each pair; null for a pair of which nothing is known, and null when nothing is
-- known at all: {"epoch", "after", "upTo", "candidates"} says that of the messages behind the number after, up to upTo, none counts as
-- unread but the candidates. That stays true: a message can only cease to count. When much was read, known returns what is known
-- now, for the next call.
--
-- A call reads at most about p_most_rows messages that do not count, and of each chat at least p_max_unread, so that a long count keeps no
-- short one waiting. is_complete is false for a chat for which that was not enough: its counts are null, and the next call goes on from
-- known. For the rest, the cost depends on the unread mentions, those that do not count too, and on how many threads of
-- the chat the user follows, about 2 µs each.
CREATE OR REPLACE FUNCTION chat_states(p_user_ids uuid[], p_chat_ids uuid[], p_known jsonb[], p_max_unread int, p_all_up_to int, p_most_rows int)
RETURNS TABLE (user_id uuid, chat_id uuid, role chat_role, read_seq int, messages int, first_seq int, mentions int, threads int,
  notify notify, hidden boolean, muted_until timestamptz, is_complete boolean, known jsonb)
LANGUAGE plpgsql
STABLE
-- A plan made while the tables were small would read them whole, and stay in use as they grow. While they are small, every index that
-- begins with chat_id looks as good as the primary key, so rows are looked up with BETWEEN and ORDER BY, which without a sort takes the
-- order of the key.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- What a switch costs that the planner could not obey would begin a compilation.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  i int;
  v_rows_left int := p_most_rows;
  v_epoch text;
  v_head int;
  v_joined int;
  -- What is at or below this number is read.
  v_after int;
  v_known jsonb;
  v_seqs int[];
  v_scanned_to int;
  v_rows_read int;
  -- Whom the user has blocked.
  v_blocked uuid[];
BEGIN
  FOR i IN 1 .. cardinality(p_user_ids) LOOP
    IF i = 1 OR p_user_ids[i] IS DISTINCT FROM p_user_ids[i - 1] THEN
      v_blocked := ARRAY(SELECT b.blocked_id FROM user_blocks b WHERE b.user_id = p_user_ids[i]);
    END IF;
    -- In a direct chat it is no mute, but a block (set_block).
    SELECT m.user_id, m.chat_id, m.role, m.read_seq, m.joined_seq, m.hidden,
        CASE WHEN m.muted_until > now() AND c.kind <> 'direct' THEN m.muted_until END,
        coalesce(m.notify, CASE WHEN c.member_count > p_all_up_to THEN 'mentions' ELSE 'all' END::notify),
        c.epoch, c.last_seq, greatest(m.read_seq, m.joined_seq, c.first_seq - 1)
      INTO user_id, chat_id, role, read_seq, v_joined, hidden, muted_until, notify, v_epoch, v_head, v_after
    FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL;
    CONTINUE WHEN NOT FOUND;

    v_seqs := '{}';
    v_scanned_to := v_after;
    v_known := p_known[i];
    IF v_known ->> 'epoch' = v_epoch AND v_after BETWEEN (v_known ->> 'after')::int AND (v_known ->> 'upTo')::int
      AND (v_known ->> 'upTo')::int <= v_head
    THEN
      v_scanned_to := (v_known ->> 'upTo')::int;
      v_seqs := array(SELECT candidate.seq::int FROM jsonb_array_elements_text(v_known -> 'candidates') AS candidate (seq)
        WHERE candidate.seq::int > v_after
          AND (SELECT m.flags & 3 = 0 FROM messages m
            WHERE m.chat_id = p_chat_ids[i] AND m.seq BETWEEN candidate.seq::int AND candidate.seq::int ORDER BY m.seq LIMIT 1)
        ORDER BY 1);
    ELSE
      v_known := NULL;
    END IF;
    v_rows_read := 0;
    IF cardinality(v_seqs) <= p_max_unread THEN
      SELECT v_seqs || u.seqs, u.scanned_to, u.rows_read INTO v_seqs, v_scanned_to, v_rows_read
      FROM unread_seqs(p_chat_ids[i], p_user_ids[i], v_scanned_to, v_head, p_max_unread + 1 - cardinality(v_seqs), greatest(v_rows_left, 1)) u;
      v_rows_left := v_rows_left - v_rows_read;
    END IF;
    known := CASE WHEN v_known IS NOT NULL OR v_rows_read > 1000 THEN
      jsonb_build_object('epoch', v_epoch, 'after', v_after, 'upTo', v_scanned_to, 'candidates', v_seqs) END;

    is_complete := cardinality(v_seqs) > p_max_unread OR v_scanned_to >= v_head;
    messages := CASE WHEN is_complete THEN cardinality(v_seqs) END;
    first_seq := v_seqs[1];
    mentions := NULL;
    threads := NULL;
    IF is_complete THEN
      -- A message has one row for each user whom it names: a part that has p_max_unread rows is enough. Subqueries of one row each: the
      -- planner cannot begin with all messages or all threads of the chat.
      mentions := (SELECT count(*) FROM (
        SELECT named.seq FROM (
          SELECT n.message_seq AS seq FROM mentions n
          WHERE n.user_id = p_user_ids[i] AND n.chat_id = p_chat_ids[i] AND n.at_seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> n.user_id AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = n.chat_id AND m.seq BETWEEN n.message_seq AND n.message_seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) named
        UNION
        SELECT everybody.seq FROM (
          SELECT x.seq FROM message_extras x WHERE x.chat_id = p_chat_ids[i] AND x.mention_all AND x.seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> p_user_ids[i] AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) everybody
        LIMIT p_max_unread) mentioning);
      threads := (SELECT count(*) FROM (
        SELECT 1 FROM thread_follows f WHERE f.user_id = p_user_ids[i] AND f.chat_id = p_chat_ids[i] AND f.following
          AND (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
            ORDER BY t.root_seq LIMIT 1) > greatest(f.read_seq, v_joined)
          AND (SELECT true FROM message_extras x WHERE x.chat_id = f.chat_id AND x.thread_root_seq = f.root_seq
              AND x.seq > greatest(f.read_seq, v_joined) AND x.deleted_at IS NULL
              AND (SELECT m.sender_id FROM messages m
                WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1) <> f.user_id
            ORDER BY x.seq LIMIT 1)
        LIMIT p_max_unread) unread);
    END IF;
    RETURN NEXT;
  END LOOP;
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
--   and the refusals of lock_chat_for, with its needs
-- The former words go to message_revisions, which keeps the newest 100. A mention that stays keeps the number at which it was added.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION edit_message(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_content text,
  p_revision int, p_mentions uuid[], p_metadata jsonb, p_window_seconds int)
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
  SELECT l.outcome, l.epoch, l.needs INTO outcome, epoch, needs FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
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

-- Returns those of these users who have not blocked p_by: a mention by somebody whom they blocked brings them no notice, and so makes
-- them follow no thread.
CREATE OR REPLACE FUNCTION without_blockers(p_user_ids uuid[], p_by uuid)
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  v_user_id uuid;
  v_others uuid[] := '{}';
BEGIN
  -- One by one, by the primary key: a plan for several users may read all blocks.
  FOREACH v_user_id IN ARRAY p_user_ids LOOP
    IF NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = v_user_id AND b.blocked_id = p_by) THEN
      v_others := v_others || v_user_id;
    END IF;
  END LOOP;
  RETURN v_others;
END
$$;
