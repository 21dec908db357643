-- Makes users follow a thread, also those who stopped to. p_read_seq is the marker of those who never did; others keep theirs.
CREATE OR REPLACE FUNCTION follow_thread(p_chat_id uuid, p_root_seq int, p_user_ids uuid[], p_read_seq int)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO thread_follows AS f (user_id, chat_id, root_seq, read_seq, mark)
  SELECT DISTINCT followed.user_id, p_chat_id, p_root_seq, p_read_seq, pg_current_xact_id()::text::bigint
  FROM unnest(p_user_ids) AS followed (user_id)
  ORDER BY 1
  ON CONFLICT (user_id, chat_id, root_seq) DO UPDATE SET following = true, mark = excluded.mark WHERE NOT f.following;
END
$$;

-- Returns whether a user is a member of a chat, and active.
-- A subquery of one row, which the primary key finds: of several users at once, or with the condition of the index of members, a plan may
-- read all members of the chat.
CREATE OR REPLACE FUNCTION is_active_member(p_chat_id uuid, p_user_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce((SELECT m.left_at IS NULL AND u.is_active FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id), false);
END
$$;

-- Returns whether a chat is a direct chat; false for a chat that does not exist. It never changes.
CREATE OR REPLACE FUNCTION is_direct_chat(p_chat_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'direct');
END
$$;

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

-- Returns whether the application that issued a token of a user (token_families.issued_by) may still do so: its bot is active, and is an
-- admin if the user is one. True for a token that no application issued.
CREATE OR REPLACE FUNCTION is_vouched_for(p_issued_by text, p_role user_role)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN p_issued_by IS NULL OR coalesce((SELECT b.is_active AND (p_role <> 'admin' OR b.role = 'admin')
    FROM oauth_clients c JOIN users b ON b.id = c.user_id WHERE c.id = p_issued_by), false);
END
$$;

-- Returns the role of a user's membership in a chat; null when the user is no member.
-- Found by the primary key: with the condition of the index of members, a plan may read all members of the chat.
CREATE OR REPLACE FUNCTION member_role(p_chat_id uuid, p_user_id uuid)
RETURNS chat_role
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (SELECT CASE WHEN m.left_at IS NULL THEN m.role END
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id);
END
$$;

-- Returns the number of a chat's message by its id; null when the chat has no such message. The last 8 hexadecimal digits of an id are
-- the number (append_messages). Ids of before there were marks end otherwise, and have an index of their own.
CREATE OR REPLACE FUNCTION message_seq_of(p_chat_id uuid, p_id uuid)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce(
    (SELECT m.seq FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq = ('x' || right(p_id::text, 8))::bit(32)::int AND m.id = p_id),
    (SELECT m.seq FROM messages m WHERE m.id = p_id AND m.chat_id = p_chat_id AND m.mark = 0));
END
$$;

-- Returns how many different emoji a message's reactions have. Reads one row of each, not every reaction.
CREATE OR REPLACE FUNCTION reaction_emoji_count(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (
    WITH RECURSIVE found (emoji) AS (
      (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq ORDER BY r.emoji LIMIT 1)
      UNION ALL
      SELECT (SELECT r.emoji FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq AND r.emoji > f.emoji ORDER BY r.emoji LIMIT 1)
      FROM found f WHERE f.emoji IS NOT NULL)
    SELECT count(emoji)::int FROM found);
END
$$;

-- Returns the summary of a message's reactions, counted from the rows: for each emoji, in the order of the first reactions, the count
-- and the ids of at most 20 users, those who reacted last first (MAX_SUMMARY_USERS in src/domain/log/chat-message.ts). An empty array
-- when there are none.
CREATE OR REPLACE FUNCTION reactions_as_json(p_chat_id uuid, p_seq int)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('emoji', e.emoji, 'count', e.count, 'users', to_jsonb(e.users)) ORDER BY e.first_at, e.emoji), '[]')
    FROM (
      SELECT r.emoji, count(*) AS count, min(r.at) AS first_at, (array_agg(r.user_id ORDER BY r.at DESC, r.user_id DESC))[1:20] AS users
      FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = p_seq GROUP BY r.emoji) e);
END
$$;

-- Takes the next number of a chat for one change, and locks the chat's row until COMMIT: numbers are dense and become visible in
-- their order. Returns no row when there is no such chat. append_messages does the same for many messages at once.
--
-- mark: the highest transaction id that has written to the chat so far. The change's row stores it. It never falls from one
-- number to the next, so the rows with marks below a snapshot's xmin are a prefix of the chat's log (src/domain/log/marks.ts).
CREATE OR REPLACE FUNCTION take_number(p_chat_id uuid)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN QUERY UPDATE chats c SET last_seq = c.last_seq + 1, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark;
END
$$;

-- As take_number, for p_count changes at once. Their numbers end with seq, and they share the mark.
CREATE OR REPLACE FUNCTION take_numbers(p_chat_id uuid, p_count int)
RETURNS TABLE (epoch text, seq int, mark bigint)
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN QUERY UPDATE chats c SET last_seq = c.last_seq + p_count, mark = greatest(c.mark, pg_current_xact_id()::text::bigint)
  WHERE c.id = p_chat_id
  RETURNING c.epoch::text, c.last_seq, c.mark;
END
$$;

-- Returns the number of the newest message of a chat's main timeline up to a number; 0 when there is none. Deleted messages count:
-- they keep their place.
CREATE OR REPLACE FUNCTION timeline_seq_at(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN coalesce(
    (SELECT CASE WHEN m.flags & 2 = 0 THEN m.seq ELSE
        (SELECT x.timeline_seq FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = m.seq) END
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq <= p_seq ORDER BY m.seq DESC LIMIT 1), 0);
END
$$;
