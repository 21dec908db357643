-- CreateEnum
CREATE TYPE "visibility" AS ENUM ('private', 'public');

-- CreateEnum
CREATE TYPE "invite_policy" AS ENUM ('moderators', 'members');

-- AlterTable
ALTER TABLE "chat_memberships" ADD COLUMN     "last_sent_at" TIMESTAMPTZ(3),
ADD COLUMN     "metadata" JSONB;

-- AlterTable
ALTER TABLE "chats" ADD COLUMN     "archived_at" TIMESTAMPTZ(3),
ADD COLUMN     "deleted_at" TIMESTAMPTZ(3),
ADD COLUMN     "hold" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "invites" "invite_policy" NOT NULL DEFAULT 'moderators',
ADD COLUMN     "member_count" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "metadata" JSONB,
ADD COLUMN     "posting_role" "chat_role" NOT NULL DEFAULT 'member',
ADD COLUMN     "receipts" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "retention_days" INTEGER,
ADD COLUMN     "slow_seconds" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "topic" VARCHAR(500) NOT NULL DEFAULT '',
ADD COLUMN     "visibility" "visibility" NOT NULL DEFAULT 'private',
ALTER COLUMN "name_key" DROP NOT NULL;
