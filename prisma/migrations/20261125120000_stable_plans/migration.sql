-- The same function, item by item in place of one large statement, with plans that stay good. It touches a few rows by their
-- keys; but a plan made while the tables were small or not yet analyzed reads them whole, and stays in use as they grow: a
-- send with a nonce took 10 ms after 35,000 messages. So: one plan for all arguments, indexes only, and LIMIT where a join
-- could be turned into one of whole tables. A lone message takes a sixth less, a batch of fifty as long as before.

-- Appends messages of any senders to any chats and answers for each, in the order given, what became of it:
--   created        the message with its number
--   repeated       the message that the same sender sent to this chat with this nonce before
--   nonce_reused   as repeated, but the content differs
--   unreachable    no such chat, or the sender is neither its member nor an admin, or is not active
-- Chats are locked in the order of their ids, so two batches never wait for each other. Each later statement sees what the
-- locks' former holders committed, and the messages of the batch before it.
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[])
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_chats uuid[];
  v_epochs text[];
  v_heads int[];
  v_allowed boolean[];
  v_chat int;
BEGIN
  SELECT array_agg(c.id), array_agg(c.epoch), array_agg(c.last_seq) INTO v_chats, v_epochs, v_heads
  FROM (SELECT c.id, c.epoch::text, c.last_seq FROM chats c WHERE c.id = ANY (p_chat_ids)
        ORDER BY c.id FOR NO KEY UPDATE) c;
  v_now := clock_timestamp();
  SELECT array_agg((m.user_id IS NOT NULL OR u.role = 'admin') AND u.is_active ORDER BY g.position) INTO v_allowed
  FROM unnest(p_chat_ids, p_sender_ids) WITH ORDINALITY AS g (chat_id, sender_id, position)
  LEFT JOIN LATERAL (SELECT u.role, u.is_active FROM users u WHERE u.id = g.sender_id LIMIT 1) u ON true
  LEFT JOIN LATERAL (
    SELECT m.user_id FROM chat_memberships m WHERE m.chat_id = g.chat_id AND m.user_id = g.sender_id LIMIT 1) m ON true;

  FOR i IN 1 .. cardinality(p_ids) LOOP
    v_chat := array_position(v_chats, p_chat_ids[i]);
    IF v_chat IS NULL OR v_allowed[i] IS NOT TRUE THEN
      RETURN QUERY SELECT 'unreachable', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
      CONTINUE;
    END IF;
    epoch := v_epochs[v_chat];
    nonce := p_nonces[i];
    IF nonce IS NOT NULL THEN
      SELECT e.seq, e.id, e.content, e.created_at INTO seq, id, content, created_at FROM messages e
      WHERE e.chat_id = p_chat_ids[i] AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;
    outcome := 'created';
    seq := v_heads[v_chat] + 1;
    id := p_ids[i];
    content := p_contents[i];
    created_at := v_now;
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at)
    VALUES (p_chat_ids[i], v_heads[v_chat] + 1, p_ids[i], p_sender_ids[i], p_contents[i], p_nonces[i], v_now);
    v_heads[v_chat] := seq;
    RETURN NEXT;
  END LOOP;

  UPDATE chats c SET last_seq = h.seq FROM unnest(v_chats, v_heads) AS h (id, seq)
  WHERE c.id = ANY (v_chats) AND c.id = h.id AND c.last_seq < h.seq;
END
$$;
