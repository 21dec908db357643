-- The same function with a plan that stays good. It touches a few rows by their keys; but a plan made while the tables were
-- small or not yet analyzed reads them whole, and stays in use as they grow: a send with a nonce took 10 ms after 35,000
-- messages. A LIMIT keeps the planner from joining whole tables; one plan for all arguments spares it from planning anew,
-- which took longer than the work.

-- Appends messages of any senders to any chats and answers for each, in the order given, what became of it:
--   created        the message with its number
--   repeated       the message that the same sender sent to this chat with this nonce before
--   nonce_reused   as repeated, but the content differs
--   unreachable    no such chat, or the sender is neither its member nor an admin, or is not active
-- Chats are locked in the order of their ids, so two batches never wait for each other.
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[])
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
BEGIN
  PERFORM 1 FROM chats c WHERE c.id = ANY (p_chat_ids) ORDER BY c.id FOR NO KEY UPDATE;
  v_now := clock_timestamp();
  RETURN QUERY
  WITH given AS (
    SELECT * FROM unnest(p_ids, p_chat_ids, p_sender_ids, p_contents, p_nonces)
      WITH ORDINALITY AS g (id, chat_id, sender_id, content, nonce, position)
  ), judged AS (
    SELECT g.*, c.epoch, c.last_seq, (c.id IS NOT NULL AND (m.user_id IS NOT NULL OR u.role = 'admin') AND u.is_active) IS TRUE AS allowed,
           -- Among equal nonces of one batch the first is the message, the others repeat it.
           CASE WHEN g.nonce IS NULL THEN g.position
                ELSE min(g.position) OVER (PARTITION BY g.chat_id, g.sender_id, g.nonce) END AS first_position
    FROM given g
    LEFT JOIN LATERAL (SELECT c.id, c.epoch, c.last_seq FROM chats c WHERE c.id = g.chat_id LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT u.role, u.is_active FROM users u WHERE u.id = g.sender_id LIMIT 1) u ON true
    LEFT JOIN LATERAL (
      SELECT m.user_id FROM chat_memberships m WHERE m.chat_id = g.chat_id AND m.user_id = g.sender_id LIMIT 1) m ON true
  ), known AS (
    SELECT j.position, e.seq, e.id, e.content, e.created_at
    FROM judged j
    CROSS JOIN LATERAL (
      SELECT e.seq, e.id, e.content, e.created_at FROM messages e
      WHERE e.chat_id = j.chat_id AND e.sender_id = j.sender_id AND e.nonce = j.nonce LIMIT 1) e
    WHERE j.allowed AND j.nonce IS NOT NULL
  ), numbered AS (
    SELECT j.*, (j.last_seq + row_number() OVER (PARTITION BY j.chat_id ORDER BY j.position))::int AS seq
    FROM judged j
    WHERE j.allowed AND j.position = j.first_position
      AND NOT EXISTS (SELECT 1 FROM known k WHERE k.position = j.position)
  ), inserted AS (
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at)
    SELECT n.chat_id, n.seq, n.id, n.sender_id, n.content, n.nonce, v_now FROM numbered n ORDER BY n.chat_id, n.seq
  ), advanced AS (
    UPDATE chats c SET last_seq = heads.seq
    FROM (SELECT n.chat_id, max(n.seq) AS seq FROM numbered n GROUP BY n.chat_id) heads
    WHERE c.id = ANY (p_chat_ids) AND c.id = heads.chat_id
  )
  SELECT CASE WHEN NOT j.allowed THEN 'unreachable'
              WHEN coalesce(k.content, n.content) <> j.content THEN 'nonce_reused'
              WHEN n.position = j.position THEN 'created'
              ELSE 'repeated' END,
         j.epoch::text, coalesce(k.seq, n.seq), coalesce(k.id, n.id), coalesce(k.content, n.content), j.nonce,
         coalesce(k.created_at, v_now)
  FROM judged j
  LEFT JOIN known k ON k.position = j.position
  LEFT JOIN numbered n ON n.position = j.first_position
  ORDER BY j.position;
END
$$;
