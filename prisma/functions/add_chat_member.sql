-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   archived   the chat is archived
--   banned     the user is banned from the chat
--   no_chat    there is no such chat, or it is deleted, or it is a direct chat of others
--   no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member". The read marker
-- and the preferences stay too.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
  v_mark bigint;
  v_role chat_role;
  v_kind chat_kind;
  v_is_member boolean;
  v_muted timestamptz;
  v_is_archived boolean;
BEGIN
  SELECT c.epoch, c.kind, c.archived_at IS NOT NULL INTO v_epoch, v_kind, v_is_archived
  FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR v_kind = 'direct' THEN
    RETURN QUERY SELECT CASE WHEN v_kind = 'direct' AND (p_actor_id IS NULL OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id)) THEN 'direct' ELSE 'no_chat' END,
      NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;
  -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
  SELECT m.joined_at, m.role, m.left_at IS NULL, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    INTO v_joined, v_role, v_is_member, v_muted FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF v_is_member THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role, v_muted;
    RETURN;
  ELSIF v_is_archived THEN
    RETURN QUERY SELECT 'archived', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  ELSIF is_banned(p_chat_id, p_user_id, v_now) THEN
    RETURN QUERY SELECT 'banned', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role, NULL::timestamptz;
    RETURN;
  END IF;

  SELECT n.seq, n.mark INTO v_seq, v_mark FROM take_number(p_chat_id) n;
  INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark)
  VALUES (p_chat_id, p_user_id, v_now, v_seq, v_mark)
  ON CONFLICT (chat_id, user_id) DO UPDATE
    SET joined_at = v_now, joined_seq = v_seq, joined_mark = v_mark, left_at = NULL, role = least(m.role, 'member')
  RETURNING m.role INTO v_role;
  PERFORM count_members(p_chat_id, 1);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, v_mark, 'member.added', p_actor_id, p_user_id, v_now);
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role, v_muted;
END
$$;
