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
  SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h WHERE h.is_only FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    -- The first act of all. Another first act that is not committed is waited for here.
    INSERT INTO audit_head (is_only, seq, hash) VALUES (true, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h WHERE h.is_only FOR NO KEY UPDATE;
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
  UPDATE audit_head h SET seq = v_seq, hash = v_hash WHERE h.is_only;
END
$$;
