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
