-- The three ways a chat's log grows. Each takes the lock of the chat's row first and holds it to COMMIT, so that numbers are
-- dense and become visible in their order. They are functions because each statement of a PL/pgSQL function has a snapshot
-- of its own: what is read after the lock was waited for includes what its former holder committed. One round trip each.

-- Appends messages of any senders to any chats and answers for each, in the order given, what became of it:
--   created        the message with its number
--   repeated       the message that the same sender sent to this chat with this nonce before
--   nonce_reused   as repeated, but the content differs
--   unreachable    no such chat, or the sender is neither its member nor an admin, or is not active
-- Chats are locked in the order of their ids, so two batches never wait for each other.
CREATE FUNCTION append_messages(p_ids uuid[], p_chat_ids uuid[], p_sender_ids uuid[], p_contents text[], p_nonces text[])
RETURNS TABLE (outcome text, epoch text, seq int, id uuid, content text, nonce text, created_at timestamptz)
LANGUAGE plpgsql AS $$
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
    LEFT JOIN chats c ON c.id = g.chat_id
    LEFT JOIN users u ON u.id = g.sender_id
    LEFT JOIN chat_memberships m ON m.chat_id = g.chat_id AND m.user_id = g.sender_id
  ), known AS (
    SELECT j.position, e.seq, e.id, e.content, e.created_at
    FROM judged j
    JOIN messages e ON e.chat_id = j.chat_id AND e.sender_id = j.sender_id AND e.nonce = j.nonce
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
    WHERE c.id = heads.chat_id
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

-- Makes a user a member. Outcomes: created, repeated (a member already; nothing changes), no_chat, no_user.
CREATE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
BEGIN
  SELECT c.epoch, c.last_seq + 1 INTO v_epoch, v_seq FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_chat', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  SELECT m.joined_at INTO v_joined FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF FOUND THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz;
    RETURN;
  END IF;
  INSERT INTO chat_memberships (chat_id, user_id, joined_at) VALUES (p_chat_id, p_user_id, v_now);
  INSERT INTO chat_events (chat_id, seq, type, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, 'member_added', p_actor_id, p_user_id, v_now);
  UPDATE chats c SET last_seq = v_seq WHERE c.id = p_chat_id;
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz;
END
$$;

-- Ends a membership. Outcomes: removed, repeated (no member; nothing changes), no_chat, no_user.
CREATE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, removed_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_epoch text;
  v_seq int;
BEGIN
  SELECT c.epoch, c.last_seq + 1 INTO v_epoch, v_seq FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_chat', NULL::text, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  DELETE FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY
    SELECT CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END,
           v_epoch, NULL::int, NULL::timestamptz;
    RETURN;
  END IF;
  INSERT INTO chat_events (chat_id, seq, type, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, 'member_removed', p_actor_id, p_user_id, v_now);
  UPDATE chats c SET last_seq = v_seq WHERE c.id = p_chat_id;
  RETURN QUERY SELECT 'removed', v_epoch, v_seq, v_now::timestamptz;
END
$$;
