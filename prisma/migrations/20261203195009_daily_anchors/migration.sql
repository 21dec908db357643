-- AlterTable
ALTER TABLE "audit_head" ADD COLUMN     "anchored_on" DATE;
