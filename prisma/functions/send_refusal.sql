-- Returns why a user may not send to a chat at p_at. Outcomes:
--   unreachable    as of append_messages
--   role           the user's role in the chat is lower than p_needs
--   archived       the chat is archived
--   posting_role   the user's role is lower than the chat's, which details names: {"needs"}
--   muted          the user is muted
--   blocked        the other one of a direct chat has blocked the user
--   slow_mode      the user sent a message a moment ago, and may send the next one in details: {"retryAfterMs"}
--   null           the user may send
-- The parameters are as of may_send, which says yes exactly where this is null for a member of a chat that is open.
CREATE OR REPLACE FUNCTION send_refusal(p_chat_id uuid, p_user_id uuid, p_needs chat_role, p_free chat_role, p_is_narrowed boolean, p_at timestamptz)
RETURNS TABLE (outcome text, details jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean;
  v_is_direct boolean;
  v_is_archived boolean;
  v_posting_role chat_role;
  v_role chat_role;
  v_muted timestamptz;
  v_last timestamptz;
  v_slow int;
BEGIN
  SELECT u.role = 'admin' AND c.kind <> 'direct', c.kind = 'direct', c.archived_at IS NOT NULL, c.posting_role, c.slow_seconds
    INTO v_is_admin, v_is_direct, v_is_archived, v_posting_role, v_slow
  FROM users u, chats c WHERE u.id = p_user_id AND c.id = p_chat_id AND u.is_active AND c.deleted_at IS NULL;
  IF FOUND THEN
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.muted_until, m.last_sent_at INTO v_role, v_muted, v_last
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  IF p_is_narrowed THEN
    v_role := least(v_role, 'member');
  END IF;
  outcome := CASE
    WHEN v_is_admin IS NULL OR (v_role IS NULL AND NOT v_is_admin) THEN 'unreachable'
    WHEN NOT v_is_admin AND v_role < p_needs THEN 'role'
    WHEN v_is_archived THEN 'archived'
    WHEN v_is_admin THEN NULL
    WHEN v_role < v_posting_role THEN 'posting_role'
    WHEN v_muted > p_at THEN CASE WHEN v_is_direct THEN 'blocked' ELSE 'muted' END
    WHEN v_slow > 0 AND v_role < p_free AND v_last + make_interval(secs => v_slow) > p_at THEN 'slow_mode' END;
  details := CASE outcome
    WHEN 'posting_role' THEN jsonb_build_object('needs', v_posting_role)
    WHEN 'slow_mode' THEN jsonb_build_object('retryAfterMs',
      ceil(extract(epoch FROM v_last + make_interval(secs => v_slow) - p_at) * 1000)::int) END;
  RETURN NEXT;
END
$$;
