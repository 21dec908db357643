-- A request for authorization may leave out its redirect URI when the client has only one.
ALTER TABLE "authorization_codes" ALTER COLUMN "redirect_uri" DROP NOT NULL;

-- A sign-in that was checked just before a change of the password must start nothing just after it.
ALTER TABLE "users" ADD COLUMN "password_version" INTEGER NOT NULL DEFAULT 0;

-- Users of external providers, found again by the provider's own name for them.
CREATE TABLE "external_identities" (
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "external_identities_pkey" PRIMARY KEY ("issuer","subject")
);
CREATE INDEX "external_identities_user_id_idx" ON "external_identities"("user_id");
ALTER TABLE "external_identities" ADD CONSTRAINT "external_identities_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Who signed in on the authorization page.
CREATE TABLE "browser_sessions" (
    "hash" BYTEA NOT NULL,
    "user_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "browser_sessions_pkey" PRIMARY KEY ("hash")
);
CREATE INDEX "browser_sessions_user_id_idx" ON "browser_sessions"("user_id");
CREATE INDEX "browser_sessions_expires_at_idx" ON "browser_sessions"("expires_at");
ALTER TABLE "browser_sessions" ADD CONSTRAINT "browser_sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
