-- A user leaves a chat: ends the membership, and writes the event member.removed. A direct chat is hidden instead.
-- p_right is as of access_refusal. Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   hidden       the user's inbox leaves the direct chat out until the next message; no event
--   repeated     an admin who is no member, or the direct chat was hidden already; nothing changes
--   last_owner   the chat would have no owner any more
--   and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION leave_chat(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_right jsonb)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_is_hidden boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch INTO outcome, epoch FROM lock_chat_for(p_chat_id, p_user_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    role := member_role(p_chat_id, p_user_id);
    SELECT m.joined_at, m.hidden INTO joined_at, v_is_hidden FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN role IS NULL THEN 'repeated'
      WHEN is_direct_chat(p_chat_id) THEN CASE WHEN v_is_hidden THEN 'repeated' ELSE 'hidden' END
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
  END IF;
  IF outcome = 'hidden' THEN
    UPDATE chat_memberships m SET hidden = true, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  ELSIF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = leave_chat.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    PERFORM count_members(p_chat_id, -1);
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_user_id, p_user_id, at, '{"cause": "left"}');
  END IF;
  RETURN NEXT;
END
$$;
