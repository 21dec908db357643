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
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_seqs int[];
  -- The numbers of those that are not deleted yet, in their order.
  v_new int[];
  -- The number before those of the events.
  v_before int;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_needs) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    SELECT array_agg(message_seq_of(p_chat_id, asked.id) ORDER BY asked.place) INTO v_seqs
    FROM unnest(p_message_ids) WITH ORDINALITY AS asked (id, place);
    outcome := CASE
      WHEN array_position(v_seqs, NULL) IS NOT NULL THEN 'no_message'
      WHEN v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others AND EXISTS (SELECT 1 FROM messages m
        WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_seqs) AND m.sender_id <> p_actor_id) THEN 'not_yours'
      ELSE 'deleted' END;
  END IF;
  IF outcome <> 'deleted' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  SELECT array_agg(m.seq ORDER BY m.seq) INTO v_new
  FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_seqs) AND m.flags & 1 = 0;
  IF v_new IS NOT NULL THEN
    SELECT n.seq - cardinality(v_new), n.mark INTO v_before, v_mark FROM take_numbers(p_chat_id, cardinality(v_new)) n;
    -- Of the flags, the place in the timeline stays.
    UPDATE messages m SET content = '', flags = (m.flags & 2) | 9 WHERE m.chat_id = p_chat_id AND m.seq = ANY (v_new);
    INSERT INTO message_extras AS x (chat_id, seq, deleted_at, deleted_by_id)
    SELECT p_chat_id, gone.seq, delete_messages.at, p_actor_id FROM unnest(v_new) AS gone (seq)
    ON CONFLICT (chat_id, seq) DO UPDATE
      SET deleted_at = excluded.deleted_at, deleted_by_id = excluded.deleted_by_id, mention_all = false, metadata = NULL,
        reactions = NULL, pinned_at = NULL, pinned_by_id = NULL;
    DELETE FROM message_revisions r WHERE r.chat_id = p_chat_id AND r.seq = ANY (v_new);
    DELETE FROM mentions n WHERE n.chat_id = p_chat_id AND n.message_seq = ANY (v_new);
    PERFORM drop_reactions(p_chat_id, v_new);
    UPDATE threads t SET reply_count = t.reply_count - gone.replies,
      last_reply_seq = coalesce((SELECT x.seq FROM message_extras x
        WHERE x.chat_id = t.chat_id AND x.thread_root_seq = t.root_seq AND x.deleted_at IS NULL ORDER BY x.seq DESC LIMIT 1), 0)
    FROM (SELECT x.thread_root_seq AS root_seq, count(*)::int AS replies FROM message_extras x
      WHERE x.chat_id = p_chat_id AND x.seq = ANY (v_new) AND x.thread_root_seq IS NOT NULL GROUP BY x.thread_root_seq) gone
    WHERE t.chat_id = p_chat_id AND t.root_seq = gone.root_seq;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, message_seq, created_at)
    SELECT p_chat_id, v_before + gone.place, v_mark, 'message.deleted', p_actor_id, gone.seq, delete_messages.at
    FROM unnest(v_new) WITH ORDINALITY AS gone (seq, place);
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
