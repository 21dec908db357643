-- CreateTable
CREATE TABLE "audit_log" (
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_id" UUID,
    "client_id" TEXT,
    "action" TEXT NOT NULL,
    "chat_id" UUID,
    "target" TEXT,
    "entry" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "reason" TEXT,
    "reason_salt" BYTEA,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "audit_head" (
    "is_only" BOOLEAN NOT NULL DEFAULT true,
    "seq" INTEGER NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("is_only"),
    CONSTRAINT "audit_head_one_row" CHECK ("is_only")
);

-- CreateIndex
CREATE INDEX "audit_log_actor_id_seq_idx" ON "audit_log"("actor_id", "seq");

-- CreateIndex
CREATE INDEX "audit_log_action_seq_idx" ON "audit_log"("action", "seq");

-- CreateIndex
CREATE INDEX "audit_log_chat_id_seq_idx" ON "audit_log"("chat_id", "seq");

-- Returns a JSON value as RFC 8785 writes it: no spaces, and the members of objects in the order of their names. PostgreSQL escapes
-- strings as the RFC does. Names are ASCII letters, digits and _ . -, so that their order is that of their bytes, and numbers are
-- whole ones that a double holds; anything else is refused.
-- https://www.rfc-editor.org/rfc/rfc8785
CREATE OR REPLACE FUNCTION canonical_json(p_value jsonb)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
  v_kind text := jsonb_typeof(p_value);
  v_number numeric;
BEGIN
  IF v_kind = 'object' THEN
    IF EXISTS (SELECT FROM jsonb_object_keys(p_value) AS k (name) WHERE k.name !~ '^[A-Za-z0-9_.-]+$') THEN
      RAISE EXCEPTION 'a name in canonical JSON has other characters than letters, digits and _ . -';
    END IF;
    RETURN '{' || coalesce((SELECT string_agg(to_json(e.key)::text || ':' || canonical_json(e.value), ',' ORDER BY e.key COLLATE "C")
      FROM jsonb_each(p_value) e), '') || '}';
  ELSIF v_kind = 'array' THEN
    RETURN '[' || coalesce((SELECT string_agg(canonical_json(e.value), ',' ORDER BY e.place)
      FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e (value, place)), '') || ']';
  ELSIF v_kind = 'number' THEN
    v_number := p_value::numeric;
    IF v_number <> trunc(v_number) OR abs(v_number) > 9007199254740991 THEN
      RAISE EXCEPTION 'a number in canonical JSON is not a whole one that a double holds: %', v_number;
    END IF;
    RETURN trunc(v_number)::text;
  END IF;
  RETURN coalesce(p_value::text, 'null');
END
$$;

-- Writes one act to the audit log, as write_audit_entries, whose rules hold here too: it is the last thing of its transaction.
--   p_actor_id, p_family_id   who acts, and by which sign-in, whose client the entry names; null for an operator
--   p_action                  the type of the chat's event where there is one: member.removed, chat.updated
--   p_chat_id                 the chat that the act is about; null for none
--   p_target                  the id of what the act was done to: a user, a message, a client
--   p_data                    what else there is to say: ids, numbers, times, names of choices, and never what somebody wrote
--   p_reason                  the actor's words, which may be erased later; null for none
CREATE OR REPLACE FUNCTION write_audit(p_actor_id uuid, p_family_id uuid, p_action text, p_chat_id uuid, p_target text,
  p_data jsonb DEFAULT '{}', p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM write_audit_entries(jsonb_build_array(jsonb_build_object(
    'actor', p_actor_id, 'client', (SELECT f.client_id FROM token_families f WHERE f.id = p_family_id), 'action', p_action,
    'chat', p_chat_id, 'target', p_target, 'data', p_data, 'reason', p_reason)));
END
$$;

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
  SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    -- The first act of all. Another first act that is not committed is waited for here.
    INSERT INTO audit_head (is_only, seq, hash) VALUES (true, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h FOR NO KEY UPDATE;
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
      || ',"data":' || coalesce(canonical_json(nullif(v_act -> 'data', 'null')), '{}')
      || ',"reason":' || coalesce('"' || encode(sha256(v_salt || convert_to(v_reason, 'UTF8')), 'hex') || '"', 'null')
      || ',"seq":' || v_seq
      || ',"target":' || coalesce(to_json(v_act ->> 'target')::text, 'null') || '}';
    v_hash := sha256(v_hash || convert_to(v_entry, 'UTF8'));
    INSERT INTO audit_log (seq, at, actor_id, client_id, action, chat_id, target, entry, hash, reason, reason_salt)
    VALUES (v_seq, v_at, (v_act ->> 'actor')::uuid, v_act ->> 'client', v_act ->> 'action', (v_act ->> 'chat')::uuid,
      v_act ->> 'target', v_entry, v_hash, v_reason, v_salt);
  END LOOP;
  UPDATE audit_head h SET seq = v_seq, hash = v_hash;
END
$$;
