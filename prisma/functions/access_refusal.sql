-- Returns why a user may not do something in a chat, and null when the user may. Refusals, in the order of src/domain/chats/chat-access.ts:
--   outsider       the user is neither a member nor, but in a direct chat, an admin
--   direct         nobody does it in a direct chat, and this is one
--   role           the user's role is lower than the action needs
--   archived       the chat is archived, and an archived chat does not allow it
--   posting_role   the user's role is lower than the one that writes in the chat
--   blocked        the other one of a direct chat has blocked the user, who may write nothing there (set_block)
--   muted          the user is muted, and a muted member may not do it
-- p_right is the action's row of the table of rights (src/domain/chats/rights.ts): {"needs", "inDirect", "whileArchived", "whileMuted",
-- "posts", "isNarrowed"}. p_standing is 'admin', the role of the user's membership, or 'outsider'.
CREATE OR REPLACE FUNCTION access_refusal(p_right jsonb, p_standing text, p_kind chat_kind, p_archived_at timestamptz, p_posting_role chat_role,
  p_muted_until timestamptz, p_at timestamptz)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
  v_needs text := p_right ->> CASE WHEN p_kind = 'direct' THEN 'inDirect' ELSE 'needs' END;
BEGIN
  IF p_standing = 'outsider' THEN
    RETURN p_standing;
  ELSIF v_needs = 'never' THEN
    RETURN 'direct';
  ELSIF p_standing <> 'admin' AND (v_needs = 'admin' OR p_standing::chat_role < v_needs::chat_role) THEN
    RETURN 'role';
  ELSIF p_archived_at IS NOT NULL AND NOT p_right ? 'whileArchived' THEN
    RETURN 'archived';
  ELSIF p_standing <> 'admin' AND p_right ? 'posts' AND p_standing::chat_role < p_posting_role THEN
    RETURN 'posting_role';
  ELSIF p_kind = 'direct' THEN
    RETURN CASE WHEN p_muted_until > p_at AND p_right ? 'posts' THEN 'blocked' END;
  ELSIF p_standing <> 'admin' AND p_muted_until > p_at AND NOT p_right ? 'whileMuted' THEN
    RETURN 'muted';
  END IF;
  RETURN NULL;
END
$$;
