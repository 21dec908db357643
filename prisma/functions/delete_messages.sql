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
