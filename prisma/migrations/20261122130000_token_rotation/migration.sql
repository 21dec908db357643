-- A repeated refresh gets its first answer again, derived from the presented token and this salt.
ALTER TABLE "refresh_tokens"
    DROP COLUMN "access_token_hash",
    DROP COLUMN "predecessor_hash",
    ADD COLUMN "successor_salt" BYTEA;

-- A socket belongs to the token family, so its ticket does; the access token may be rotated in between.
ALTER TABLE "socket_tickets"
    DROP COLUMN "access_token_hash",
    ADD COLUMN "family_id" UUID NOT NULL,
    ADD COLUMN "scopes" TEXT[],
    ADD COLUMN "token_expires_at" TIMESTAMPTZ(3) NOT NULL,
    ADD CONSTRAINT "socket_tickets_family_id_fkey" FOREIGN KEY ("family_id") REFERENCES "token_families"("id") ON DELETE CASCADE ON UPDATE CASCADE;
