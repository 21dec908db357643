-- Writes to the audit log that an admin reads other people's direct chats: an act direct_chat.read for each of p_chat_ids that is a direct
-- chat of others. An hour of reading a chat is one act, on whatever process: nobody fills the log by reading.
-- The function waits at most 1 s for the log's head, then fails with SQLSTATE 55P03.
CREATE OR REPLACE FUNCTION note_direct_reads(p_user_id uuid, p_family_id uuid, p_chat_ids uuid[])
RETURNS void
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
DECLARE
  v_chat_id uuid;
  v_client text := (SELECT f.client_id FROM token_families f WHERE f.id = p_family_id);
  v_acts jsonb;
BEGIN
  -- Once without the head's lock, which most calls do not need, and once more under it.
  FOR pass IN 1 .. 2 LOOP
    v_acts := '[]';
    FOREACH v_chat_id IN ARRAY p_chat_ids LOOP
      IF is_direct_chat(v_chat_id) AND member_role(v_chat_id, p_user_id) IS NULL AND NOT EXISTS (
        -- Of a direct chat the log has little but such acts, and of an hour few.
        SELECT 1 FROM (SELECT a.actor_id, a.action, a.at FROM audit_log a WHERE a.chat_id = v_chat_id ORDER BY a.seq DESC LIMIT 100) newest
        WHERE newest.actor_id = p_user_id AND newest.action = 'direct_chat.read' AND newest.at > clock_timestamp() - interval '1 hour')
      THEN
        v_acts := v_acts || jsonb_build_object('actor', p_user_id, 'client', v_client, 'action', 'direct_chat.read', 'chat', v_chat_id);
      END IF;
    END LOOP;
    EXIT WHEN jsonb_array_length(v_acts) = 0;
    IF pass = 1 THEN
      PERFORM FROM audit_head h WHERE h.is_only FOR NO KEY UPDATE;
    END IF;
  END LOOP;
  PERFORM write_audit_entries(v_acts);
END
$$;
