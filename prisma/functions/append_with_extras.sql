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
