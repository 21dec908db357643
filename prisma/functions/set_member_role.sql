-- Gives a member another role, and writes the event member.updated. p_right is as of access_refusal. Outcomes:
--   updated      the member has the role now; the event has the number seq
--   repeated     the member had it already; nothing changes
--   last_owner   the chat would have no owner any more
--   no_member, and the refusals of lock_chat_for
-- A change is an act of the audit log, member.role_set.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_member_role(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_role chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, CASE WHEN m.muted_until > set_member_role.at THEN m.muted_until END, m.left_at IS NULL
      INTO role, joined_at, muted_until, v_is_member
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_is_member IS NOT TRUE THEN 'no_member'
      WHEN role = p_role THEN 'repeated'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    UPDATE chat_memberships m SET role = p_role WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.updated', p_actor_id, p_user_id, at);
    PERFORM write_audit(p_actor_id, p_family_id, 'member.role_set', p_chat_id, p_user_id::text,
      jsonb_build_object('role', p_role, 'before', role));
  END IF;
  RETURN NEXT;
END
$$;
