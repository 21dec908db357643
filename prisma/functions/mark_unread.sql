-- Moves a member's read marker of the main timeline back, to the number before p_from_seq. Outcomes:
--   moved       the marker is there now
--   same        it was there or lower; nothing changes
--   no_chat, no_member, beyond   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION mark_unread(p_user_id uuid, p_chat_id uuid, p_from_seq int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_head int;
  v_kind chat_kind;
BEGIN
  SELECT c.last_seq, c.kind INTO v_head, v_kind FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL;
  outcome := CASE
    WHEN v_head IS NULL THEN 'no_chat'
    WHEN member_role(p_chat_id, p_user_id) IS NULL
      THEN CASE WHEN v_kind = 'group' THEN 'no_member' ELSE 'no_chat' END
    WHEN p_from_seq > v_head THEN 'beyond'
    ELSE 'same' END;
  IF outcome = 'same' THEN
    UPDATE chat_memberships m SET read_seq = p_from_seq - 1, state_mark = pg_current_xact_id()::text::bigint
    -- As in mark_read, the primary key finds it.
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND coalesce(m.left_at, 'infinity') = 'infinity' AND m.read_seq >= p_from_seq;
    IF FOUND THEN
      outcome := 'moved';
    END IF;
  END IF;
  RETURN NEXT;
END
$$;
