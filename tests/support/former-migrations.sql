-- A database as the seventeen migrations made it that 20261129180000_init replaces: pg_dump --schema-only of one, without
-- comments and blank lines, and the rows that they wrote. Tests hold the migration and the way from such a database to it.
CREATE TYPE public.chat_event_type AS ENUM (
    'member_added',
    'member_removed'
);
CREATE TYPE public.user_role AS ENUM (
    'admin',
    'user'
);
CREATE FUNCTION public.add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid) RETURNS TABLE(outcome text, epoch text, seq integer, joined_at timestamp with time zone)
    LANGUAGE plpgsql
    SET lock_timeout TO '1000'
    AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
BEGIN
  SELECT c.epoch, c.last_seq + 1 INTO v_epoch, v_seq FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_chat', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  SELECT m.joined_at INTO v_joined FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF FOUND THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz;
    RETURN;
  END IF;
  INSERT INTO chat_memberships (chat_id, user_id, joined_at) VALUES (p_chat_id, p_user_id, v_now);
  INSERT INTO chat_events (chat_id, seq, type, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, 'member_added', p_actor_id, p_user_id, v_now);
  UPDATE chats c SET last_seq = v_seq WHERE c.id = p_chat_id;
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz;
END
$$;
CREATE FUNCTION public.append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[]) RETURNS TABLE(outcome text, epoch text, seq integer, id uuid, content text, nonce text, created_at timestamp with time zone)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_chat uuid;
  v_epoch text;
  v_together int;
  v_taken int;
  v_head int;
  v_allowed boolean;
BEGIN
  FOR i IN 1 .. cardinality(p_ids) LOOP
    IF p_chat_ids[i] IS DISTINCT FROM v_chat THEN
      IF v_head < v_taken THEN
        UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
      END IF;
      v_chat := p_chat_ids[i];
      v_together := 1;
      WHILE p_chat_ids[i + v_together] = v_chat LOOP
        v_together := v_together + 1;
      END LOOP;
      -- All three are null when there is no such chat.
      UPDATE chats c SET last_seq = c.last_seq + v_together WHERE c.id = v_chat
      RETURNING c.epoch, c.last_seq, c.last_seq - v_together INTO v_epoch, v_taken, v_head;
      v_now := clock_timestamp();
    END IF;

    SELECT u.is_active AND (u.role = 'admin' OR EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = u.id)) INTO v_allowed
    FROM users u WHERE u.id = p_sender_ids[i];
    IF v_head IS NULL OR v_allowed IS NOT TRUE THEN
      RETURN QUERY SELECT 'unreachable', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
      CONTINUE;
    END IF;

    epoch := v_epoch;
    nonce := p_nonces[i];
    IF nonce IS NOT NULL THEN
      SELECT e.seq, e.id, e.content, e.created_at INTO seq, id, content, created_at FROM messages e
      WHERE e.chat_id = v_chat AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;

    v_head := v_head + 1;
    outcome := 'created';
    seq := v_head;
    id := p_ids[i];
    content := p_contents[i];
    created_at := v_now;
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at)
    VALUES (v_chat, v_head, p_ids[i], p_sender_ids[i], p_contents[i], p_nonces[i], v_now);
    RETURN NEXT;
  END LOOP;

  IF v_head < v_taken THEN
    UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
  END IF;
END
$$;
CREATE FUNCTION public.append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[], p_lock_wait_ms integer) RETURNS TABLE(outcome text, epoch text, seq integer, id uuid, content text, nonce text, created_at timestamp with time zone)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET lock_timeout TO '50'
    AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3) := clock_timestamp();
  v_waited interval;
  -- Of each message, as of the beginning: its chat's last_seq, whether its sender may write, whether its nonce is known.
  v_seen int[];
  v_allowed boolean[];
  v_known boolean[];
  -- Every message of the batch may be written and is new, as of the beginning: nearly always.
  v_all_new boolean := true;
  v_chat uuid;
  -- The first message of the next chat, and the one that took this chat's numbers.
  v_next int := 1;
  v_first int;
  v_is_busy boolean;
  -- What was read at the beginning still holds.
  v_holds boolean;
  v_last_seq int;
  v_may boolean;
  v_repeats boolean;
  v_epoch text;
  v_wanted int;
  v_taken int;
  v_head int;
BEGIN
  IF p_lock_wait_ms NOT IN (0, 50) THEN
    PERFORM set_config('lock_timeout', p_lock_wait_ms::text, true);
  END IF;
  IF cardinality(p_ids) <= 4 THEN
    -- A few cost less one by one.
    FOR j IN 1 .. cardinality(p_ids) LOOP
      SELECT c.last_seq, u.is_active AND (u.role = 'admin' OR EXISTS (
          SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = u.id)),
        (SELECT true FROM messages e WHERE e.chat_id = c.id AND e.sender_id = u.id AND e.nonce = p_nonces[j])
        INTO v_last_seq, v_may, v_repeats
      FROM users u, chats c WHERE u.id = p_sender_ids[j] AND c.id = p_chat_ids[j];
      v_seen[j] := v_last_seq;
      v_allowed[j] := v_may;
      v_known[j] := v_repeats;
      v_all_new := v_all_new AND v_may IS TRUE AND v_repeats IS NULL;
    END LOOP;
  ELSE
    -- Subqueries of one row each: the planner cannot join whole tables.
    SELECT array_agg(s.last_seq), array_agg(s.allowed), array_agg(s.known), bool_and(s.allowed IS TRUE AND s.known IS NULL)
      INTO v_seen, v_allowed, v_known, v_all_new
    FROM (
      SELECT (SELECT c.last_seq FROM chats c WHERE c.id = g.chat_id) AS last_seq,
             (SELECT u.is_active AND (u.role = 'admin' OR (
                SELECT true FROM chat_memberships m WHERE m.chat_id = g.chat_id AND m.user_id = g.sender_id))
              FROM users u WHERE u.id = g.sender_id) AS allowed,
             (SELECT true FROM messages e
              WHERE e.chat_id = g.chat_id AND e.sender_id = g.sender_id AND e.nonce = g.nonce) AS known
      FROM unnest(p_chat_ids, p_sender_ids, p_nonces) WITH ORDINALITY AS g (chat_id, sender_id, nonce, place)
      ORDER BY g.place OFFSET 0) s;
  END IF;

  FOR i IN 1 .. cardinality(p_ids) LOOP
    IF i = v_next THEN
      IF v_head <> v_taken THEN
        UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
      END IF;
      v_chat := p_chat_ids[i];
      v_next := i + 1;
      WHILE p_chat_ids[v_next] = v_chat LOOP
        v_next := v_next + 1;
      END LOOP;
      v_taken := NULL;
      v_is_busy := false;
    END IF;

    -- Whoever was refused at the beginning, or repeats a message, takes no number.
    v_may := v_allowed[i];
    IF v_taken IS NULL AND v_may AND v_known[i] IS NULL AND v_seen[i] IS NOT NULL THEN
      IF p_lock_wait_ms = 0 AND NOT v_is_busy THEN
        PERFORM 1 FROM chats c WHERE c.id = v_chat FOR NO KEY UPDATE SKIP LOCKED;
        v_is_busy := NOT FOUND;
        -- A message holds its sender's row against its deletion.
        FOR j IN i .. v_next - 1 LOOP
          EXIT WHEN v_is_busy;
          PERFORM 1 FROM users u WHERE u.id = p_sender_ids[j] FOR KEY SHARE SKIP LOCKED;
          v_is_busy := NOT FOUND AND EXISTS (SELECT 1 FROM users u WHERE u.id = p_sender_ids[j]);
        END LOOP;
      END IF;
      -- And so is what follows in the chat: it must not overtake.
      IF v_is_busy THEN
        RETURN QUERY SELECT 'busy', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
        CONTINUE;
      END IF;
      -- What others of the chat were refused takes no number either. Where that changed meanwhile, the chat's row is mended below.
      v_wanted := v_next - i;
      IF NOT v_all_new THEN
        FOR j IN i + 1 .. v_next - 1 LOOP
          IF v_allowed[j] IS NOT TRUE OR v_known[j] THEN
            v_wanted := v_wanted - 1;
          END IF;
        END LOOP;
      END IF;
      UPDATE chats c SET last_seq = c.last_seq + v_wanted WHERE c.id = v_chat
      RETURNING c.epoch, c.last_seq, c.last_seq - v_wanted INTO v_epoch, v_taken, v_head;
      -- Memberships and nonces change only together with last_seq. That a user is active does not: not after a long wait.
      v_waited := clock_timestamp() - v_now;
      v_now := clock_timestamp();
      v_holds := v_head = v_seen[i] AND v_waited < '5 ms';
      v_first := i;
    END IF;

    IF v_taken IS NOT NULL AND v_holds IS NOT TRUE THEN
      SELECT u.is_active AND (u.role = 'admin' OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = u.id)) INTO v_may
      FROM users u WHERE u.id = p_sender_ids[i];
    END IF;
    nonce := p_nonces[i];
    -- The first one's is known to be new, the others' may be of the messages before them.
    IF v_may AND nonce IS NOT NULL AND NOT (v_taken IS NOT NULL AND v_holds AND i = v_first) THEN
      SELECT c.epoch, e.seq, e.id, e.content, e.created_at INTO epoch, seq, id, content, created_at
      FROM messages e JOIN chats c ON c.id = e.chat_id
      WHERE e.chat_id = v_chat AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;
    IF v_taken IS NULL OR v_may IS NOT TRUE THEN
      RETURN QUERY SELECT 'unreachable', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
      CONTINUE;
    END IF;

    v_head := v_head + 1;
    outcome := 'created';
    epoch := v_epoch;
    seq := v_head;
    id := p_ids[i];
    content := p_contents[i];
    created_at := v_now;
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at)
    VALUES (v_chat, v_head, p_ids[i], p_sender_ids[i], p_contents[i], p_nonces[i], v_now);
    RETURN NEXT;
  END LOOP;

  IF v_head <> v_taken THEN
    UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
  END IF;
END
$$;
CREATE FUNCTION public.remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid) RETURNS TABLE(outcome text, epoch text, seq integer, removed_at timestamp with time zone)
    LANGUAGE plpgsql
    SET lock_timeout TO '1000'
    AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_epoch text;
  v_seq int;
BEGIN
  SELECT c.epoch, c.last_seq + 1 INTO v_epoch, v_seq FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_chat', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  DELETE FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY
    SELECT CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END,
           v_epoch, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  INSERT INTO chat_events (chat_id, seq, type, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, 'member_removed', p_actor_id, p_user_id, v_now);
  UPDATE chats c SET last_seq = v_seq WHERE c.id = p_chat_id;
  RETURN QUERY SELECT 'removed', v_epoch, v_seq, v_now::timestamptz;
END
$$;
CREATE FUNCTION public.take_created_seq() RETURNS trigger
    LANGUAGE plpgsql
    SET lock_timeout TO '1000'
    AS $$
BEGIN
  IF NEW.created_seq = 0 THEN
    PERFORM pg_advisory_xact_lock(72707373, TG_RELID::int);
    NEW.created_seq := nextval(TG_ARGV[0]::regclass);
  END IF;
  RETURN NEW;
END; $$;
CREATE FUNCTION public.take_user_seq() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NEW.user_seq = 0 THEN
    -- Of no user: the foreign key refuses it.
    NEW.user_seq := coalesce((SELECT created_seq FROM users WHERE id = NEW.user_id), 0);
  END IF;
  RETURN NEW;
END; $$;
CREATE TABLE public._prisma_migrations (
    id character varying(36) NOT NULL,
    checksum character varying(64) NOT NULL,
    finished_at timestamp with time zone,
    migration_name character varying(255) NOT NULL,
    logs text,
    rolled_back_at timestamp with time zone,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_steps_count integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.access_tokens (
    hash bytea NOT NULL,
    family_id uuid NOT NULL,
    scopes text[],
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    revoked_at timestamp(3) with time zone
);
CREATE TABLE public.authorization_codes (
    hash bytea NOT NULL,
    client_id character varying(100) NOT NULL,
    user_id uuid NOT NULL,
    redirect_uri text,
    scopes text[],
    code_challenge text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    consumed_at timestamp(3) with time zone,
    family_id uuid
);
CREATE TABLE public.browser_sessions (
    hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL
);
CREATE TABLE public.chat_events (
    chat_id uuid NOT NULL,
    seq integer NOT NULL,
    type public.chat_event_type NOT NULL,
    actor_id uuid,
    subject_id uuid NOT NULL,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.chat_memberships (
    chat_id uuid NOT NULL,
    user_id uuid NOT NULL,
    joined_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    user_seq bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.chats (
    id uuid NOT NULL,
    name character varying(100) NOT NULL,
    name_key text NOT NULL,
    epoch character varying(16) NOT NULL,
    last_seq integer DEFAULT 0 NOT NULL,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    created_seq bigint DEFAULT 0 NOT NULL
);
CREATE SEQUENCE public.chats_created_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.chats_created_seq OWNED BY public.chats.created_seq;
CREATE TABLE public.deployment (
    is_only boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    bus_key bytea NOT NULL,
    username_rule text,
    CONSTRAINT deployment_one_row CHECK (is_only)
);
CREATE TABLE public.external_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.messages (
    chat_id uuid NOT NULL,
    seq integer NOT NULL,
    id uuid NOT NULL,
    sender_id uuid NOT NULL,
    content text NOT NULL,
    nonce character varying(128),
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.oauth_clients (
    id character varying(100) NOT NULL,
    name text NOT NULL,
    secret_hash text,
    grants text[],
    scopes text[],
    redirect_uris text[],
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.refresh_tokens (
    hash bytea NOT NULL,
    family_id uuid NOT NULL,
    scopes text[],
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    consumed_at timestamp(3) with time zone,
    successor_salt bytea
);
CREATE TABLE public.socket_tickets (
    hash bytea NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    family_id uuid NOT NULL,
    scopes text[],
    token_expires_at timestamp(3) with time zone NOT NULL
);
CREATE TABLE public.token_families (
    id uuid NOT NULL,
    client_id character varying(100) NOT NULL,
    user_id uuid,
    created_at timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    revoked_at timestamp(3) with time zone
);
CREATE TABLE public.users (
    id uuid NOT NULL,
    username character varying(150) NOT NULL,
    email text,
    first_name text DEFAULT ''::text NOT NULL,
    last_name text DEFAULT ''::text NOT NULL,
    role public.user_role DEFAULT 'user'::public.user_role NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    password_hash text,
    date_joined timestamp(3) with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    password_version integer DEFAULT 0 NOT NULL,
    imported_from text,
    username_key text,
    created_seq bigint DEFAULT 0 NOT NULL
);
CREATE SEQUENCE public.users_created_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.users_created_seq OWNED BY public.users.created_seq;
ALTER TABLE ONLY public._prisma_migrations
    ADD CONSTRAINT _prisma_migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.authorization_codes
    ADD CONSTRAINT authorization_codes_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.browser_sessions
    ADD CONSTRAINT browser_sessions_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.chat_events
    ADD CONSTRAINT chat_events_pkey PRIMARY KEY (chat_id, seq);
ALTER TABLE ONLY public.chat_memberships
    ADD CONSTRAINT chat_memberships_pkey PRIMARY KEY (chat_id, user_id);
ALTER TABLE ONLY public.chats
    ADD CONSTRAINT chats_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.deployment
    ADD CONSTRAINT deployment_pkey PRIMARY KEY (is_only);
ALTER TABLE ONLY public.external_identities
    ADD CONSTRAINT external_identities_pkey PRIMARY KEY (issuer, subject);
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (chat_id, seq);
ALTER TABLE ONLY public.oauth_clients
    ADD CONSTRAINT oauth_clients_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.socket_tickets
    ADD CONSTRAINT socket_tickets_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.token_families
    ADD CONSTRAINT token_families_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE INDEX access_tokens_expires_at_idx ON public.access_tokens USING btree (expires_at);
CREATE INDEX access_tokens_family_id_idx ON public.access_tokens USING btree (family_id);
CREATE INDEX authorization_codes_expires_at_idx ON public.authorization_codes USING btree (expires_at);
CREATE INDEX browser_sessions_expires_at_idx ON public.browser_sessions USING btree (expires_at);
CREATE INDEX browser_sessions_user_id_idx ON public.browser_sessions USING btree (user_id);
CREATE UNIQUE INDEX chat_memberships_chat_id_user_seq_key ON public.chat_memberships USING btree (chat_id, user_seq);
CREATE INDEX chat_memberships_user_id_idx ON public.chat_memberships USING btree (user_id);
CREATE UNIQUE INDEX chats_created_seq_key ON public.chats USING btree (created_seq);
CREATE UNIQUE INDEX chats_name_key_key ON public.chats USING btree (name_key);
CREATE INDEX external_identities_user_id_idx ON public.external_identities USING btree (user_id);
CREATE UNIQUE INDEX messages_chat_id_sender_id_nonce_key ON public.messages USING btree (chat_id, sender_id, nonce);
CREATE INDEX refresh_tokens_expires_at_idx ON public.refresh_tokens USING btree (expires_at);
CREATE INDEX refresh_tokens_family_id_idx ON public.refresh_tokens USING btree (family_id);
CREATE INDEX socket_tickets_expires_at_idx ON public.socket_tickets USING btree (expires_at);
CREATE INDEX socket_tickets_family_id_expires_at_idx ON public.socket_tickets USING btree (family_id, expires_at);
CREATE INDEX token_families_client_id_idx ON public.token_families USING btree (client_id);
CREATE INDEX token_families_user_id_client_id_created_at_idx ON public.token_families USING btree (user_id, client_id, created_at);
CREATE UNIQUE INDEX users_created_seq_key ON public.users USING btree (created_seq);
CREATE INDEX users_foreign_hash_idx ON public.users USING btree (id) WHERE (password_hash !~~ '$argon2id$v=19$m=19456,t=2,p=1$%'::text);
CREATE UNIQUE INDEX users_username_key ON public.users USING btree (username);
CREATE UNIQUE INDEX users_username_key_key ON public.users USING btree (username_key);
CREATE TRIGGER take_created_seq BEFORE INSERT ON public.chats FOR EACH ROW EXECUTE FUNCTION public.take_created_seq('chats_created_seq');
CREATE TRIGGER take_created_seq BEFORE INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION public.take_created_seq('users_created_seq');
CREATE TRIGGER take_user_seq BEFORE INSERT ON public.chat_memberships FOR EACH ROW EXECUTE FUNCTION public.take_user_seq();
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_family_id_fkey FOREIGN KEY (family_id) REFERENCES public.token_families(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.authorization_codes
    ADD CONSTRAINT authorization_codes_client_id_fkey FOREIGN KEY (client_id) REFERENCES public.oauth_clients(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.authorization_codes
    ADD CONSTRAINT authorization_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.browser_sessions
    ADD CONSTRAINT browser_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.chat_events
    ADD CONSTRAINT chat_events_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE RESTRICT;
ALTER TABLE ONLY public.chat_events
    ADD CONSTRAINT chat_events_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.chat_events
    ADD CONSTRAINT chat_events_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE RESTRICT;
ALTER TABLE ONLY public.chat_memberships
    ADD CONSTRAINT chat_memberships_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.chat_memberships
    ADD CONSTRAINT chat_memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.external_identities
    ADD CONSTRAINT external_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE RESTRICT;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_family_id_fkey FOREIGN KEY (family_id) REFERENCES public.token_families(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.socket_tickets
    ADD CONSTRAINT socket_tickets_family_id_fkey FOREIGN KEY (family_id) REFERENCES public.token_families(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.token_families
    ADD CONSTRAINT token_families_client_id_fkey FOREIGN KEY (client_id) REFERENCES public.oauth_clients(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.token_families
    ADD CONSTRAINT token_families_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
INSERT INTO public.deployment (id, bus_key) VALUES (gen_random_uuid(), decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
INSERT INTO public._prisma_migrations (id, migration_name, checksum, started_at, finished_at, applied_steps_count)
SELECT gen_random_uuid(), name, checksum, now(), now(), 1 FROM (VALUES
    ('20261101000000_init', '14684665cce6ce3d99c9937be5fe979de480b1ee829f70d0f689d08c0453ef59'),
    ('20261122120000_log_functions', '7afbc724738544fe5f87e25de3ab0e8508345831f094e45f5ecadbf542f51f16'),
    ('20261122130000_token_rotation', 'f9af841c39508ef94d4f7f4e23ff6245dc9d1ee32611de624d3b246269302661'),
    ('20261122140000_authorization', '4227b6336313328a44114ddb3550b7f955c772c766167de0913ecceb92b2c8f1'),
    ('20261125120000_stable_plans', 'aaeb51b161e2399fc2d66c6ab371db597526fd81ce8b5b390d945f220c14acc5'),
    ('20261126100000_append_one_by_one', 'e3f06a319e6457103278bd6e1c19d0d661bf862574342bb050d8774feeb643ae'),
    ('20261126200000_append_takes_numbers_first', '08e01c74ed52994f36889371f3c19db22da4113ed59fb193194aba7511116871'),
    ('20261129110000_expiry', '478fcb2940c349d13c4ea073b1e8ddc7c273d8e3b42c3e2e6506f88465f100bc'),
    ('20261129111000_names', 'c21a18306451a86e9e6a7584bd4b4fac8341dffb4d549445d83b9cc054472ab4'),
    ('20261129120000_deployment', '40129a850d3dedf6678c7604086625d0ba71f56cc5fcd4b2c1e951a3d729237c'),
    ('20261129140000_append_waits_for_no_chat', '7cf6e13642f2bd9f85a6e43154872d3ffc78273994ec46ee7ad6e4e3dff450df'),
    ('20261129150000_creation_order', '2f3d5157669b98f78da9c1b8092ed19bf9758580581efd155f21657a642bd595'),
    ('20261129151000_username_rule', '2a58b3e192af8d1cfb919334c8369547b441c4ad253430faf4123d9692612925'),
    ('20261129160000_foreign_hashes', '70aecfb9c8eb480c8332e4076839fc21609206bc9275e70cb874a33fdeae76e1'),
    ('20261129161000_members_wait_for_no_chat', 'b34d32abe4c32a6f1d10f7a9e0208bd21058326ff3ca429f5ce53ab075e01285'),
    ('20261129170000_refused_sends_take_no_number', 'c9ecb935bb3ae4220bafaeacb3e4e115e7917f6c0de081dff0c976e75a262f93'),
    ('20261129171000_creations_wait_a_second', 'd7a5368b54a200d3c8ab6c3ffe2fbe8a90f32a04a61b499d5478659fc9cf0af0')) AS former (name, checksum);
