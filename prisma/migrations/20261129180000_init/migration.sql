-- The database of the service. Times are UTC with milliseconds; ids are UUIDv7, made by the service.
-- Names of constraints and indexes are those that Prisma gives them: prisma/schema.prisma describes the same tables.

-- People

CREATE TYPE user_role AS ENUM ('admin', 'user');

CREATE TABLE users (
    id               uuid PRIMARY KEY,
    username         varchar(150) NOT NULL,
    email            text,
    first_name       text NOT NULL DEFAULT '',
    last_name        text NOT NULL DEFAULT '',
    role             user_role NOT NULL DEFAULT 'user',
    is_active        boolean NOT NULL DEFAULT true,
    -- argon2id in PHC format, or another service's hash until its first use here. Null: signs in at an external provider only.
    password_hash    text,
    date_joined      timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- Grows with every change of the password. A sign-in that was checked against an older one starts nothing any more.
    password_version int NOT NULL DEFAULT 0,
    -- The id in the service that the user was imported from.
    imported_from    text,
    -- The username under NFKC and case folding. Two usernames with the same key are one name.
    -- Null for a user who is older than this rule, and whose key an older user has.
    username_key     text,
    -- The order of lists. A trigger replaces 0 by the next number.
    created_seq      bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_username_key ON users (username);
CREATE UNIQUE INDEX users_username_key_key ON users (username_key);
CREATE UNIQUE INDEX users_created_seq_key ON users (created_seq);
-- Users whose hash is another service's; empty when there are none. It answers which schemes are still in use.
CREATE INDEX users_foreign_hash_idx ON users (id) WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%';
CREATE SEQUENCE users_created_seq OWNED BY users.created_seq;

-- Who a user is at an external identity provider. The provider's name for the user finds the user again, never the e-mail address.
CREATE TABLE external_identities (
    -- The iss of the provider's ID tokens; https://github.com for GitHub.
    issuer     text NOT NULL,
    -- The sub of the ID token; GitHub's numeric id.
    subject    text NOT NULL,
    user_id    uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_user_id_idx ON external_identities (user_id);

-- Users who signed in on the authorization page with a browser.
CREATE TABLE browser_sessions (
    -- SHA-256 of the cookie's value.
    hash       bytea PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz(3) NOT NULL
);
CREATE INDEX browser_sessions_user_id_idx ON browser_sessions (user_id);
CREATE INDEX browser_sessions_expires_at_idx ON browser_sessions (expires_at);

-- OAuth2. Of every token, code and ticket only its SHA-256 is stored.

CREATE TABLE oauth_clients (
    -- The public client_id.
    id            varchar(100) PRIMARY KEY,
    name          text NOT NULL,
    -- SHA-256 of a generated secret, argon2id of a chosen one, or another service's hash until its first use here.
    -- Null: a public client.
    secret_hash   text,
    grants        text[],
    scopes        text[],
    redirect_uris text[],
    created_at    timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- One sign-in: its access tokens, its chain of refresh tokens and its tickets are revoked together.
CREATE TABLE token_families (
    id         uuid PRIMARY KEY,
    client_id  varchar(100) NOT NULL REFERENCES oauth_clients ON UPDATE CASCADE ON DELETE CASCADE,
    -- Null: client_credentials.
    user_id    uuid REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    revoked_at timestamptz(3)
);
-- The newest sign-ins of a user at a client are kept; a further one ends the oldest.
CREATE INDEX token_families_user_id_client_id_created_at_idx ON token_families (user_id, client_id, created_at);
CREATE INDEX token_families_client_id_idx ON token_families (client_id);

CREATE TABLE access_tokens (
    hash       bytea PRIMARY KEY,
    family_id  uuid NOT NULL REFERENCES token_families ON UPDATE CASCADE ON DELETE CASCADE,
    scopes     text[],
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz(3) NOT NULL,
    revoked_at timestamptz(3)
);
CREATE INDEX access_tokens_family_id_idx ON access_tokens (family_id);
CREATE INDEX access_tokens_expires_at_idx ON access_tokens (expires_at);

CREATE TABLE refresh_tokens (
    hash           bytea PRIMARY KEY,
    family_id      uuid NOT NULL REFERENCES token_families ON UPDATE CASCADE ON DELETE CASCADE,
    scopes         text[],
    created_at     timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at     timestamptz(3) NOT NULL,
    -- When it was exchanged for its successor. A second use after the grace time revokes the family.
    consumed_at    timestamptz(3),
    -- With the token itself it gives the successor again, for a client whose answer was lost. Null once the successor was used.
    successor_salt bytea
);
CREATE INDEX refresh_tokens_family_id_idx ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expires_at_idx ON refresh_tokens (expires_at);

CREATE TABLE authorization_codes (
    hash           bytea PRIMARY KEY,
    client_id      varchar(100) NOT NULL REFERENCES oauth_clients ON UPDATE CASCADE ON DELETE CASCADE,
    user_id        uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    -- Null when the request named none, which is allowed where the client has only one.
    redirect_uri   text,
    scopes         text[],
    -- PKCE, method S256.
    code_challenge text NOT NULL,
    created_at     timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at     timestamptz(3) NOT NULL,
    consumed_at    timestamptz(3),
    -- The family that its first use made. A second use revokes that family.
    family_id      uuid
);
CREATE INDEX authorization_codes_expires_at_idx ON authorization_codes (expires_at);

-- A single-use key to one WebSocket, for browsers: they can set no Authorization header there.
CREATE TABLE socket_tickets (
    hash             bytea PRIMARY KEY,
    expires_at       timestamptz(3) NOT NULL,
    family_id        uuid NOT NULL REFERENCES token_families ON UPDATE CASCADE ON DELETE CASCADE,
    scopes           text[],
    -- When the access token that asked for it ends, and with it the socket.
    token_expires_at timestamptz(3) NOT NULL
);
-- The newest tickets of a sign-in are kept; a further one deletes the oldest.
CREATE INDEX socket_tickets_family_id_expires_at_idx ON socket_tickets (family_id, expires_at);
CREATE INDEX socket_tickets_expires_at_idx ON socket_tickets (expires_at);

-- Chats and their logs

CREATE TABLE chats (
    id          uuid PRIMARY KEY,
    name        varchar(100) NOT NULL,
    -- The name folded for comparison: two names that differ only in case are one.
    name_key    text NOT NULL,
    -- Names this history. It changes when a backup is restored, so that old cursors are refused.
    epoch       varchar(16) NOT NULL,
    -- The number of the newest change. The lock of this row, held to COMMIT, orders all changes of the chat.
    last_seq    int NOT NULL DEFAULT 0,
    created_at  timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- The order of lists. A trigger replaces 0 by the next number.
    created_seq bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX chats_name_key_key ON chats (name_key);
CREATE UNIQUE INDEX chats_created_seq_key ON chats (created_seq);
CREATE SEQUENCE chats_created_seq OWNED BY chats.created_seq;

CREATE TABLE chat_memberships (
    chat_id   uuid NOT NULL REFERENCES chats ON UPDATE CASCADE ON DELETE CASCADE,
    user_id   uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    joined_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- The user's created_seq, copied by a trigger: the order of a chat's members.
    user_seq  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (chat_id, user_id)
);
CREATE UNIQUE INDEX chat_memberships_chat_id_user_seq_key ON chat_memberships (chat_id, user_seq);
CREATE INDEX chat_memberships_user_id_idx ON chat_memberships (user_id);

-- A message is its own creation event: seq is its number in the chat's log.
CREATE TABLE messages (
    chat_id    uuid NOT NULL REFERENCES chats ON UPDATE CASCADE ON DELETE CASCADE,
    seq        int NOT NULL,
    id         uuid NOT NULL,
    sender_id  uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE RESTRICT,
    content    text NOT NULL,
    -- Chosen by the sender's client. One message per chat, sender and nonce, for ever.
    nonce      varchar(128),
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (chat_id, seq)
);
CREATE UNIQUE INDEX messages_chat_id_sender_id_nonce_key ON messages (chat_id, sender_id, nonce);

CREATE TYPE chat_event_type AS ENUM ('member_added', 'member_removed');

-- The changes of a chat that are no message. Both tables share one series of numbers.
CREATE TABLE chat_events (
    chat_id    uuid NOT NULL REFERENCES chats ON UPDATE CASCADE ON DELETE CASCADE,
    seq        int NOT NULL,
    type       chat_event_type NOT NULL,
    -- Who did it. Null: an operator's command.
    actor_id   uuid REFERENCES users ON UPDATE CASCADE ON DELETE RESTRICT,
    -- The user whom the event is about.
    subject_id uuid NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE RESTRICT,
    created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (chat_id, seq)
);

-- The deployment

-- One row, which names this deployment in the channels and keys of Redis and authenticates its processes to each other there.
CREATE TABLE deployment (
    is_only       boolean PRIMARY KEY DEFAULT true CONSTRAINT deployment_one_row CHECK (is_only),
    id            uuid NOT NULL,
    bus_key       bytea NOT NULL,
    -- The rule that made users.username_key, see src/domain/username-keys.ts.
    username_rule text
);

-- gen_random_uuid() draws from the server's cryptographic generator: 244 random bits in 32 bytes.
INSERT INTO deployment (id, bus_key) VALUES (
    gen_random_uuid(),
    decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
);

-- Functions and triggers. Their current text is in prisma/functions; this is what they began as.

-- Gives each new user and each new chat the next number of its table. The number orders lists.
--
-- The number is taken under a lock that is held to COMMIT, so numbers become visible in their order: whoever pages behind a
-- number misses nobody. A sequence alone does not promise that. A row that comes with a number (from a backup) keeps it.
-- It waits a second for the lock, then the INSERT fails with SQLSTATE 55P03.
CREATE OR REPLACE FUNCTION take_created_seq() RETURNS trigger
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
BEGIN
  IF NEW.created_seq = 0 THEN
    PERFORM pg_advisory_xact_lock(72707373, TG_RELID::int);
    NEW.created_seq := nextval(TG_ARGV[0]::regclass);
  END IF;
  RETURN NEW;
END; $$;

CREATE OR REPLACE TRIGGER take_created_seq BEFORE INSERT ON users
FOR EACH ROW EXECUTE FUNCTION take_created_seq('users_created_seq');

CREATE OR REPLACE TRIGGER take_created_seq BEFORE INSERT ON chats
FOR EACH ROW EXECUTE FUNCTION take_created_seq('chats_created_seq');

-- Copies a new member's users.created_seq: the members of a chat are listed in the order of their users' creation.
CREATE OR REPLACE FUNCTION take_user_seq() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF NEW.user_seq = 0 THEN
    -- Of no user: the foreign key refuses it.
    NEW.user_seq := coalesce((SELECT created_seq FROM users WHERE id = NEW.user_id), 0);
  END IF;
  RETURN NEW;
END; $$;

CREATE OR REPLACE TRIGGER take_user_seq BEFORE INSERT ON chat_memberships
FOR EACH ROW EXECUTE FUNCTION take_user_seq();

-- Appends messages of any senders to any chats, and answers for each message, in the order given:
--   created        stored with the next number of its chat
--   repeated       its sender sent it to this chat before, with this nonce; the row is the earlier message
--   nonce_reused   as repeated, but the content differs
--   unreachable    there is no such chat, or the sender is not active, or neither a member nor an admin
--   busy           only with p_lock_wait_ms = 0: another transaction holds the row of the chat or of a sender
--
-- p_lock_wait_ms: how long to wait for a chat's row, in milliseconds. After that the statement fails with SQLSTATE 55P03 and
-- writes nothing. With 0 it waits for no row.
--
-- The messages must be in the order of their chats' ids. Chats are locked in that order, so two batches never wait for each
-- other, and each chat's row is written once. The UPDATE that takes a chat's numbers locks its row until COMMIT, so numbers
-- are dense and become visible in their order.
--
-- A PL/pgSQL function, because each of its statements has a snapshot of its own: what it reads after it waited for a lock
-- includes what the lock's former holder committed.
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[], p_lock_wait_ms int)
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 50
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

-- Makes a user a member of a chat, and writes the event. Outcomes:
--   created    a member now; the event has the number seq
--   repeated   a member already; nothing changes
--   no_chat, no_user
-- It waits a second for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
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

-- Ends a membership, and writes the event. Outcomes:
--   removed    no member any more; the event has the number seq
--   repeated   was no member; nothing changes
--   no_chat, no_user
-- It waits a second for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, removed_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
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
