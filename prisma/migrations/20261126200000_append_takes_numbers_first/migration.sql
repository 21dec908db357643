-- The same function with one write to a chat's row where there were two locks and a write: the numbers are taken first, for
-- all messages of the chat that stand together, and those that no message needed are given back. A lock is a write too, with
-- its record in the log: for 25 messages of as many chats that was a tenth of PostgreSQL's time, for a lone one a twentieth.

-- Appends messages of any senders to any chats and answers for each, in the order given, what became of it:
--   created        the message with its number
--   repeated       the message that the same sender sent to this chat with this nonce before
--   nonce_reused   as repeated, but the content differs
--   unreachable    no such chat, or the sender is neither its member nor an admin, or is not active
-- To take a chat's numbers locks it until COMMIT. Each later statement sees what the lock's former holders committed, and the
-- messages of the batch before it. Messages have to be given in the order of their chats' ids: then chats are locked in that
-- order, two batches never wait for each other, and a chat's row is written once.
CREATE OR REPLACE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[])
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_chat uuid;
  v_epoch text;
  v_together int;
  v_taken int;
  v_head int;
  v_allowed boolean;
BEGIN
  FOR i IN 1 .. cardinality(p_ids) LOOP
    IF p_chat_ids[i] IS DISTINCT FROM v_chat THEN
      IF v_head < v_taken THEN
        UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
      END IF;
      v_chat := p_chat_ids[i];
      v_together := 1;
      WHILE p_chat_ids[i + v_together] = v_chat LOOP
        v_together := v_together + 1;
      END LOOP;
      -- All three are null when there is no such chat.
      UPDATE chats c SET last_seq = c.last_seq + v_together WHERE c.id = v_chat
      RETURNING c.epoch, c.last_seq, c.last_seq - v_together INTO v_epoch, v_taken, v_head;
      v_now := clock_timestamp();
    END IF;

    SELECT u.is_active AND (u.role = 'admin' OR EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = v_chat AND m.user_id = u.id)) INTO v_allowed
    FROM users u WHERE u.id = p_sender_ids[i];
    IF v_head IS NULL OR v_allowed IS NOT TRUE THEN
      RETURN QUERY SELECT 'unreachable', NULL::text, NULL::int, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz;
      CONTINUE;
    END IF;

    epoch := v_epoch;
    nonce := p_nonces[i];
    IF nonce IS NOT NULL THEN
      SELECT e.seq, e.id, e.content, e.created_at INTO seq, id, content, created_at FROM messages e
      WHERE e.chat_id = v_chat AND e.sender_id = p_sender_ids[i] AND e.nonce = p_nonces[i];
      IF FOUND THEN
        outcome := CASE WHEN content = p_contents[i] THEN 'repeated' ELSE 'nonce_reused' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;

    v_head := v_head + 1;
    outcome := 'created';
    seq := v_head;
    id := p_ids[i];
    content := p_contents[i];
    created_at := v_now;
    INSERT INTO messages (chat_id, seq, id, sender_id, content, nonce, created_at)
    VALUES (v_chat, v_head, p_ids[i], p_sender_ids[i], p_contents[i], p_nonces[i], v_now);
    RETURN NEXT;
  END LOOP;

  IF v_head < v_taken THEN
    UPDATE chats c SET last_seq = v_head WHERE c.id = v_chat;
  END IF;
END
$$;
