-- Mutes a member until p_until, or ends the mute (null), and writes the event member.updated. p_right is as of access_refusal. Outcomes:
--   updated      the member is muted so now, or not at all; the event has the number seq
--   repeated     it was so already; nothing changes
--   past         p_until is not in the future
--   rank         the member's role is not lower than the actor's; role is the member's
--   admin        the member is an admin, whom nobody mutes
--   no_member, and the refusals of lock_chat_for
-- p_reason is for the audit log. The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_mute(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_until timestamptz, p_reason text)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_member boolean;
  v_is_admin boolean;
  v_until timestamptz(3) := p_until;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, m.left_at IS NULL, CASE WHEN m.muted_until > set_mute.at THEN m.muted_until END, u.role = 'admin'
      INTO role, joined_at, v_is_member, muted_until, v_is_admin
    FROM chat_memberships m JOIN users u ON u.id = m.user_id WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_until <= at THEN 'past'
      WHEN v_is_member IS NOT TRUE THEN 'no_member'
      WHEN v_standing <> 'admin' AND role >= v_standing::chat_role THEN 'rank'
      WHEN v_is_admin AND v_until IS NOT NULL THEN 'admin'
      WHEN muted_until IS NOT DISTINCT FROM v_until THEN 'repeated'
      ELSE 'updated' END;
  END IF;
  IF outcome = 'updated' THEN
    muted_until := v_until;
    UPDATE chat_memberships m SET muted_until = v_until WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.updated', p_actor_id, p_user_id, at);
    PERFORM write_audit(p_actor_id, p_family_id, CASE WHEN v_until IS NULL THEN 'member.unmuted' ELSE 'member.muted' END, p_chat_id,
      p_user_id::text, CASE WHEN v_until IS NULL THEN '{}' ELSE jsonb_build_object('until', iso_time(v_until)) END, p_reason);
  END IF;
  RETURN NEXT;
END
$$;
