-- Drops what the earlier versions of a message said. p_right is as of access_refusal, for the actor's own messages; p_needs_for_others is
-- the lowest role that does it to everybody's (chats/rights.ts). It is no event: what others see of the chat does not change. Outcomes:
--   forgotten    also when there was nothing to drop
--   no_message   the chat has no such message
--   not_yours    another user sent the message
--   and the refusals of lock_chat_for
-- Dropping earlier versions of another's message is an act of the audit log, message.history_forgotten.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION forget_history(p_chat_id uuid, p_message_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb,
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
  SELECT l.outcome, l.standing INTO outcome, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
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
