-- AlterTable
ALTER TABLE "external_identities" ADD COLUMN     "token_issued_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "token_families" ALTER COLUMN "client_id" DROP NOT NULL;
