-- Returns the messages with these chats and numbers, as src/domain/log/message-rows.ts reads them; pages read the same as columns
-- (src/domain/log/full-messages.ts). extras is null for a plain message.
-- A deleted message shows its nonce to nobody.
CREATE OR REPLACE FUNCTION messages_as_json(p_chat_ids uuid[], p_seqs int[])
RETURNS TABLE (chat_id uuid, message jsonb, extras jsonb)
LANGUAGE sql
STABLE
AS $$
  SELECT m.chat_id,
    jsonb_build_object('id', m.id, 'seq', m.seq, 'content', m.content, 'nonce', CASE WHEN m.flags & 1 = 0 THEN m.nonce END,
      'createdAt', m.created_at, 'sender', profile_as_json(u)),
    CASE WHEN m.flags <> 0 THEN jsonb_strip_nulls(jsonb_build_object(
      'revision', x.revision,
      'editedAt', x.edited_at,
      'deletedAt', x.deleted_at,
      'replyTo', (SELECT jsonb_build_object('id', r.id, 'seq', r.seq) FROM messages r
        WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq),
      'thread', (SELECT jsonb_build_object('rootId', t.root_id, 'rootSeq', t.root_seq, 'alsoInChat', x.also_in_chat)
        FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq),
      -- One by one: a join may read all users up to the newest of those named.
      'mentions', (SELECT jsonb_agg((SELECT profile_as_json(named) FROM users named WHERE named.id = n.user_id) ORDER BY n.place)
        FROM mentions n WHERE n.chat_id = m.chat_id AND n.message_seq = m.seq),
      'mentionsAll', x.mention_all,
      'reactions', x.reactions,
      'pinnedAt', x.pinned_at,
      'pinnedBy', (SELECT profile_as_json(p) FROM users p WHERE p.id = x.pinned_by_id)))
      -- Behind the rest, whose nulls are left out: those in a client's object stay.
      || CASE WHEN x.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', x.metadata) END
    END
  FROM unnest(p_chat_ids, p_seqs) AS wanted (chat_id, seq)
  JOIN messages m ON m.chat_id = wanted.chat_id AND m.seq = wanted.seq
  JOIN users u ON u.id = m.sender_id
  LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
$$;
