-- Whether a member with this role, mute and last message may send to a chat with these settings at p_at. p_needs is the lowest role that
-- sends, p_free the lowest that slow mode does not slow (src/domain/chats/rights.ts). Through a narrowed token a role counts as "member"
-- at most. Short, so that the planner puts it into the statements that ask.
CREATE OR REPLACE FUNCTION may_send(p_role chat_role, p_muted_until timestamptz, p_last_sent_at timestamptz, p_posting_role chat_role,
  p_slow_seconds int, p_is_narrowed boolean, p_needs chat_role, p_free chat_role, p_at timestamptz)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
  SELECT p_role >= p_needs AND p_role >= p_posting_role AND (p_posting_role <= 'member' OR p_is_narrowed IS NOT TRUE)
    AND (p_muted_until IS NULL OR p_muted_until <= p_at)
    AND (p_slow_seconds = 0 OR p_last_sent_at IS NULL OR (p_role >= p_free AND p_is_narrowed IS NOT TRUE)
      OR p_last_sent_at + make_interval(secs => p_slow_seconds) <= p_at)
$$;
