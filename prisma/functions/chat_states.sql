-- Returns what chats are to their members: a row for each pair of the lists p_user_ids and p_chat_ids where the user is a member, all of
-- one moment. What is unread is counted from the rows, each time.
--   messages    unread messages of the main timeline: not deleted, not the user's own, and behind the read marker, the number at which
--               the user joined and what was truncated. One more than p_max_unread when there are more
--   first_seq   the oldest of them
--   mentions    messages of others in the main timeline that mention the user, by a name that was added or to everybody, behind the same
--               number; at most p_max_unread. The mention counts and not the message: an edit of a read message may add one. Those by
--               somebody whom the user has blocked do not count
--   threads     threads that the user follows with a reply of others behind the thread's marker; at most p_max_unread
--   notify      what the member chose; without a choice "all", and "mentions" in a chat of more than p_all_up_to members
--
-- p_known has what the caller knows of earlier calls for each pair; null for a pair of which nothing is known, and null when nothing is
-- known at all: {"epoch", "after", "upTo", "candidates"} says that of the messages behind the number after, up to upTo, none counts as
-- unread but the candidates. That stays true: a message can only cease to count. When much was read, known returns what is known
-- now, for the next call.
--
-- A call reads at most about p_most_rows messages that do not count, and of each chat at least p_max_unread, so that a long count keeps no
-- short one waiting. is_complete is false for a chat for which that was not enough: its counts are null, and the next call goes on from
-- known. For the rest, the cost depends on the unread mentions, those that do not count too, and on how many threads of
-- the chat the user follows, about 2 µs each.
CREATE OR REPLACE FUNCTION chat_states(p_user_ids uuid[], p_chat_ids uuid[], p_known jsonb[], p_max_unread int, p_all_up_to int, p_most_rows int)
RETURNS TABLE (user_id uuid, chat_id uuid, role chat_role, read_seq int, messages int, first_seq int, mentions int, threads int,
  notify notify, hidden boolean, muted_until timestamptz, is_complete boolean, known jsonb)
LANGUAGE plpgsql
STABLE
-- A plan made while the tables were small would read them whole, and stay in use as they grow. While they are small, every index that
-- begins with chat_id looks as good as the primary key, so rows are looked up with BETWEEN and ORDER BY, which without a sort takes the
-- order of the key.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- What a switch costs that the planner could not obey would begin a compilation.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  i int;
  v_rows_left int := p_most_rows;
  v_epoch text;
  v_head int;
  v_joined int;
  -- What is at or below this number is read.
  v_after int;
  v_known jsonb;
  v_seqs int[];
  v_scanned_to int;
  v_rows_read int;
  -- Whom the user has blocked.
  v_blocked uuid[];
BEGIN
  FOR i IN 1 .. cardinality(p_user_ids) LOOP
    IF i = 1 OR p_user_ids[i] IS DISTINCT FROM p_user_ids[i - 1] THEN
      v_blocked := ARRAY(SELECT b.blocked_id FROM user_blocks b WHERE b.user_id = p_user_ids[i]);
    END IF;
    -- In a direct chat it is no mute, but a block (set_block).
    SELECT m.user_id, m.chat_id, m.role, m.read_seq, m.joined_seq, m.hidden,
        CASE WHEN m.muted_until > now() AND c.kind <> 'direct' THEN m.muted_until END,
        coalesce(m.notify, CASE WHEN c.member_count > p_all_up_to THEN 'mentions' ELSE 'all' END::notify),
        c.epoch, c.last_seq, greatest(m.read_seq, m.joined_seq, c.first_seq - 1)
      INTO user_id, chat_id, role, read_seq, v_joined, hidden, muted_until, notify, v_epoch, v_head, v_after
    FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL AND c.deleted_at IS NULL;
    CONTINUE WHEN NOT FOUND;

    v_seqs := '{}';
    v_scanned_to := v_after;
    v_known := p_known[i];
    IF v_known ->> 'epoch' = v_epoch AND v_after BETWEEN (v_known ->> 'after')::int AND (v_known ->> 'upTo')::int
      AND (v_known ->> 'upTo')::int <= v_head
    THEN
      v_scanned_to := (v_known ->> 'upTo')::int;
      v_seqs := array(SELECT candidate.seq::int FROM jsonb_array_elements_text(v_known -> 'candidates') AS candidate (seq)
        WHERE candidate.seq::int > v_after
          AND (SELECT m.flags & 3 = 0 FROM messages m
            WHERE m.chat_id = p_chat_ids[i] AND m.seq BETWEEN candidate.seq::int AND candidate.seq::int ORDER BY m.seq LIMIT 1)
        ORDER BY 1);
    ELSE
      v_known := NULL;
    END IF;
    v_rows_read := 0;
    IF cardinality(v_seqs) <= p_max_unread THEN
      SELECT v_seqs || u.seqs, u.scanned_to, u.rows_read INTO v_seqs, v_scanned_to, v_rows_read
      FROM unread_seqs(p_chat_ids[i], p_user_ids[i], v_scanned_to, v_head, p_max_unread + 1 - cardinality(v_seqs), greatest(v_rows_left, 1)) u;
      v_rows_left := v_rows_left - v_rows_read;
    END IF;
    known := CASE WHEN v_known IS NOT NULL OR v_rows_read > 1000 THEN
      jsonb_build_object('epoch', v_epoch, 'after', v_after, 'upTo', v_scanned_to, 'candidates', v_seqs) END;

    is_complete := cardinality(v_seqs) > p_max_unread OR v_scanned_to >= v_head;
    messages := CASE WHEN is_complete THEN cardinality(v_seqs) END;
    first_seq := v_seqs[1];
    mentions := NULL;
    threads := NULL;
    IF is_complete THEN
      -- A message has one row for each user whom it names: a part that has p_max_unread rows is enough. Subqueries of one row each: the
      -- planner cannot begin with all messages or all threads of the chat.
      mentions := (SELECT count(*) FROM (
        SELECT named.seq FROM (
          SELECT n.message_seq AS seq FROM mentions n
          WHERE n.user_id = p_user_ids[i] AND n.chat_id = p_chat_ids[i] AND n.at_seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> n.user_id AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = n.chat_id AND m.seq BETWEEN n.message_seq AND n.message_seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) named
        UNION
        SELECT everybody.seq FROM (
          SELECT x.seq FROM message_extras x WHERE x.chat_id = p_chat_ids[i] AND x.mention_all AND x.seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> p_user_ids[i] AND m.sender_id <> ALL (v_blocked) FROM messages m
              WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) everybody
        LIMIT p_max_unread) mentioning);
      threads := (SELECT count(*) FROM (
        SELECT 1 FROM thread_follows f WHERE f.user_id = p_user_ids[i] AND f.chat_id = p_chat_ids[i] AND f.following
          AND (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
            ORDER BY t.root_seq LIMIT 1) > greatest(f.read_seq, v_joined)
          AND (SELECT true FROM message_extras x WHERE x.chat_id = f.chat_id AND x.thread_root_seq = f.root_seq
              AND x.seq > greatest(f.read_seq, v_joined) AND x.deleted_at IS NULL
              AND (SELECT m.sender_id FROM messages m
                WHERE m.chat_id = x.chat_id AND m.seq BETWEEN x.seq AND x.seq ORDER BY m.seq LIMIT 1) <> f.user_id
            ORDER BY x.seq LIMIT 1)
        LIMIT p_max_unread) unread);
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
