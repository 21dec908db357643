-- AlterTable
ALTER TABLE "token_families" ADD COLUMN     "exchanged_from" TEXT;

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "sign_ins_ended_at" TIMESTAMPTZ(3);
