-- CreateEnum
CREATE TYPE "user_kind" AS ENUM ('human', 'bot', 'guest');

-- AlterTable
ALTER TABLE "chats" ADD COLUMN     "external_id" VARCHAR(200);

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "external_id" VARCHAR(200),
ADD COLUMN     "kind" "user_kind" NOT NULL DEFAULT 'human';

-- CreateIndex
CREATE UNIQUE INDEX "chats_external_id_key" ON "chats"("external_id");

-- CreateIndex
CREATE UNIQUE INDEX "users_external_id_key" ON "users"("external_id");

-- Returns what every member of a chat may see of a user (src/domain/profile.ts); null for no user.
CREATE OR REPLACE FUNCTION profile_as_json(u users)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT CASE WHEN (u).id IS NOT NULL THEN jsonb_build_object('id', (u).id, 'username', (u).username, 'firstName', (u).first_name,
    'lastName', (u).last_name, 'role', (u).role, 'kind', (u).kind, 'dateJoined', (u).date_joined) END
$$;
