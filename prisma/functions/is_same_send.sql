-- Whether a message is what its sender sends once more with the same nonce: content, replyTo and thread are equal. What was edited or
-- deleted since cannot be compared, so the nonce alone decides. p_extras is as of append_with_extras; null for a plain message.
CREATE OR REPLACE FUNCTION is_same_send(p_chat_id uuid, p_seq int, p_content text, p_extras jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (
    SELECT m.flags & 1 <> 0 OR coalesce(x.revision, 0) > 0 OR (
      m.content = p_content
      AND (SELECT r.id FROM messages r WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq)
        IS NOT DISTINCT FROM (p_extras ->> 'replyTo')::uuid
      AND (SELECT t.root_id FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq)
        IS NOT DISTINCT FROM (p_extras ->> 'thread')::uuid)
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
    WHERE m.chat_id = p_chat_id AND m.seq = p_seq);
END
$$;
