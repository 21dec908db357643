-- CreateTable
CREATE TABLE "reports" (
    "id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "content" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "sender_id" UUID NOT NULL,
    "reporter_id" UUID,
    "reason" TEXT NOT NULL,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolution" TEXT,
    "resolved_by_id" UUID,
    "resolved_at" TIMESTAMPTZ(3),

    CONSTRAINT "reports_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "reports_chat_id_message_id_idx" ON "reports"("chat_id", "message_id");

-- CreateIndex
CREATE INDEX "reports_sender_id_idx" ON "reports"("sender_id");

-- CreateIndex
CREATE INDEX "reports_reporter_id_idx" ON "reports"("reporter_id");

-- CreateIndex
CREATE INDEX "reports_resolved_by_id_idx" ON "reports"("resolved_by_id");

-- CreateIndex
CREATE INDEX "reports_created_at_idx" ON "reports"("created_at");

-- AddForeignKey
ALTER TABLE "reports" ADD CONSTRAINT "reports_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reports" ADD CONSTRAINT "reports_sender_id_fkey" FOREIGN KEY ("sender_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reports" ADD CONSTRAINT "reports_reporter_id_fkey" FOREIGN KEY ("reporter_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reports" ADD CONSTRAINT "reports_resolved_by_id_fkey" FOREIGN KEY ("resolved_by_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Reports a message to the moderators, with a copy of what it says now. p_right is as of lock_chat_for. Outcomes:
--   reported
--   repeated     the user has reported the message, and the report is open; nothing changes
--   no_message   the chat has no such message
--   is_deleted   the message is deleted: there is nothing to copy
--   and the refusals of lock_chat_for
-- id is that of the report. The message's chat is locked, so that the copy is of one revision.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION report_message(p_chat_id uuid, p_message_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_reason text, p_note text)
RETURNS TABLE (outcome text, id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_seq int;
  v_sender_id uuid;
  v_content text;
  v_flags int;
BEGIN
  SELECT l.outcome INTO outcome FROM lock_chat_for(p_chat_id, p_user_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    v_seq := message_seq_of(p_chat_id, p_message_id);
    SELECT m.sender_id, m.content, m.flags INTO v_sender_id, v_content, v_flags FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = v_seq;
    SELECT r.id INTO id FROM reports r
    WHERE r.chat_id = p_chat_id AND r.message_id = p_message_id AND r.reporter_id = p_user_id AND r.resolved_at IS NULL;
    outcome := CASE
      WHEN v_sender_id IS NULL THEN 'no_message'
      WHEN id IS NOT NULL THEN 'repeated'
      WHEN v_flags & 1 = 1 THEN 'is_deleted'
      ELSE 'reported' END;
  END IF;
  IF outcome = 'reported' THEN
    id := p_id;
    INSERT INTO reports (id, chat_id, message_id, content, revision, sender_id, reporter_id, reason, note)
    SELECT p_id, p_chat_id, p_message_id, v_content,
      coalesce((SELECT x.revision FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = v_seq), 0), v_sender_id, p_user_id, p_reason, p_note;
  END IF;
  RETURN NEXT;
END
$$;

-- Closes a report. Admins may, and who reads the reports of its chat: p_right is as of lock_chat_for. Outcomes:
--   resolved
--   repeated   it was resolved before; nothing changes
--   gone       there is no such report
--   and the refusals of lock_chat_for
-- It is an act of the audit log, report.resolved, and p_note its reason.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION resolve_report(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_is_narrowed boolean, p_resolution text, p_note text)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_chat_id uuid;
  v_is_open boolean;
BEGIN
  SELECT r.chat_id INTO v_chat_id FROM reports r WHERE r.id = p_id;
  IF NOT FOUND THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  -- An admin resolves those of direct chats too, in which an admin has no rights.
  PERFORM FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND u.role = 'admin' AND f.id = p_family_id AND f.revoked_at IS NULL
    AND is_vouched_for(f.issued_by, u.role) AND NOT p_is_narrowed
  FOR SHARE OF u, f;
  IF FOUND THEN
    outcome := 'locked';
  ELSE
    SELECT l.outcome INTO outcome FROM lock_chat_for(v_chat_id, p_actor_id, p_family_id, p_right) l;
  END IF;
  IF outcome = 'locked' THEN
    SELECT r.resolved_at IS NULL INTO v_is_open FROM reports r WHERE r.id = p_id FOR NO KEY UPDATE;
    outcome := CASE WHEN v_is_open IS NULL THEN 'gone' WHEN v_is_open THEN 'resolved' ELSE 'repeated' END;
  END IF;
  IF outcome = 'resolved' THEN
    UPDATE reports r SET resolved_at = clock_timestamp(), resolved_by_id = p_actor_id, resolution = p_resolution WHERE r.id = p_id;
    PERFORM write_audit(p_actor_id, p_family_id, 'report.resolved', v_chat_id, p_id::text, jsonb_build_object('resolution', p_resolution), p_note);
  END IF;
  RETURN NEXT;
END
$$;
