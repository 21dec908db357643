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
  IF NOT p_is_narrowed AND lock_sign_in(p_actor_id, p_family_id) = 'admin' THEN
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
