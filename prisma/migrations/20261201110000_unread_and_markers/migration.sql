-- What is unread is counted by functions; read markers and preferences are written by functions.

-- Returns the number of the newest message of a chat's main timeline up to a number; 0 when there is none. Deleted messages count:
-- they keep their place.
CREATE OR REPLACE FUNCTION timeline_seq_at(p_chat_id uuid, p_seq int)
RETURNS int
LANGUAGE sql
STABLE
AS $$
  SELECT coalesce(
    (SELECT CASE WHEN m.flags & 2 = 0 THEN m.seq ELSE
        (SELECT x.timeline_seq FROM message_extras x WHERE x.chat_id = p_chat_id AND x.seq = m.seq) END
      FROM messages m WHERE m.chat_id = p_chat_id AND m.seq <= p_seq ORDER BY m.seq DESC LIMIT 1), 0)
$$;

-- Returns a number from p_seq to p_head up to which all messages behind p_seq are replies that only their threads show. p_seq is the
-- number of a message; when that is such a reply, the run of them that it is in ends at most 1,000 numbers behind the result. Reads two
-- rows for each doubling of the run's length, not the run.
CREATE OR REPLACE FUNCTION thread_run_end(p_chat_id uuid, p_seq int, p_head int)
RETURNS int
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  -- All messages of the run have the same newest message of the main timeline before them, and those behind it have another.
  v_timeline int := timeline_seq_at(p_chat_id, p_seq);
  v_end int := p_seq;
  v_step int := 1000;
  v_behind int;
  v_probe int;
BEGIN
  IF v_timeline = p_seq THEN
    RETURN p_seq;
  END IF;
  WHILE v_behind IS NULL AND v_end < p_head LOOP
    v_probe := CASE WHEN p_head - v_end < v_step THEN p_head ELSE v_end + v_step END;
    IF timeline_seq_at(p_chat_id, v_probe) = v_timeline THEN
      v_end := v_probe;
      v_step := least(v_step, 1000000000) * 2;
    ELSE
      v_behind := v_probe;
    END IF;
  END LOOP;
  WHILE v_behind - v_end > 1000 LOOP
    v_probe := v_end + (v_behind - v_end) / 2;
    IF timeline_seq_at(p_chat_id, v_probe) = v_timeline THEN
      v_end := v_probe;
    ELSE
      v_behind := v_probe;
    END IF;
  END LOOP;
  RETURN v_end;
END
$$;

-- Returns in seqs the numbers of the oldest p_most messages of a chat that count as unread behind the number p_after: of the main
-- timeline, not deleted, and not the user's own. p_head is the chat's newest number.
--
-- scanned_to is the number up to which seqs is all of them. It is p_head, or the last of seqs when there are p_most, or less when more
-- than p_most_rows rows had to be read; rows_read says how many were. Runs of replies that only their threads show are skipped. The
-- user's own messages and deleted ones are read: nothing says where a run of them ends.
CREATE OR REPLACE FUNCTION unread_seqs(p_chat_id uuid, p_user_id uuid, p_after int, p_head int, p_most int, p_most_rows int,
  OUT seqs int[], OUT scanned_to int, OUT rows_read int)
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  v_length int := p_most + 50;
  v_found int[];
  v_count int;
  v_last int;
BEGIN
  seqs := '{}';
  scanned_to := p_after;
  rows_read := 0;
  WHILE scanned_to < p_head AND rows_read < p_most_rows LOOP
    SELECT array_agg(part.seq ORDER BY part.seq) FILTER (WHERE part.flags & 3 = 0 AND part.sender_id <> p_user_id), count(*), max(part.seq)
      INTO v_found, v_count, v_last
    FROM (SELECT m.seq, m.flags, m.sender_id FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq > scanned_to AND m.seq <= p_head ORDER BY m.seq LIMIT v_length) part;
    rows_read := rows_read + v_count;
    seqs := seqs || v_found;
    IF cardinality(seqs) >= p_most THEN
      seqs := seqs[1:p_most];
      scanned_to := seqs[p_most];
      RETURN;
    END IF;
    scanned_to := CASE WHEN v_count < v_length THEN p_head ELSE thread_run_end(p_chat_id, v_last, p_head) END;
    v_length := 1000;
  END LOOP;
END
$$;

-- Returns what chats are to their members: a row for each pair of the lists p_user_ids and p_chat_ids where the user is a member, all of
-- one moment. What is unread is counted from the rows, each time.
--   messages    unread messages of the main timeline: not deleted, not the user's own, and behind the read marker, the number at which
--               the user joined and what was truncated. One more than p_max_unread when there are more
--   first_seq   the oldest of them
--   mentions    messages of others in the main timeline that mention the user, by a name that was added or to everybody, behind the same
--               number; at most p_max_unread. The mention counts and not the message: an edit of a read message may add one
--   threads     threads that the user follows with a reply of others behind the thread's marker; at most p_max_unread
--   notify      what the member chose; without a choice "all", and "mentions" in a chat of more than p_all_up_to members
--
-- p_known has what the caller knows of earlier calls for each pair; null for a pair of which nothing is known, and null when nothing is
-- known at all: {"epoch", "after", "upTo", "candidates"} says that of the messages behind the number after, up to upTo, none counts as
-- unread but the candidates. That stays true: a message can only cease to count. When much was read, known returns what is known
-- now, for the next call.
--
-- A call reads at most about p_most_rows messages that do not count. is_complete is false for a chat for which that was not enough: its
-- counts are null, and the next call goes on from known. For the rest, the cost depends on the unread mentions and on how many threads of
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
BEGIN
  FOR i IN 1 .. cardinality(p_user_ids) LOOP
    SELECT m.user_id, m.chat_id, m.role, m.read_seq, m.joined_seq, m.hidden, CASE WHEN m.muted_until > now() THEN m.muted_until END,
        coalesce(m.notify, CASE WHEN (SELECT count(*) FROM (SELECT 1 FROM chat_memberships o
          WHERE o.chat_id = m.chat_id AND o.left_at IS NULL LIMIT p_all_up_to + 1) members) > p_all_up_to THEN 'mentions' ELSE 'all' END::notify),
        c.epoch, c.last_seq, greatest(m.read_seq, m.joined_seq, c.first_seq - 1)
      INTO user_id, chat_id, role, read_seq, v_joined, hidden, muted_until, notify, v_epoch, v_head, v_after
    FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL;
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
      FROM unread_seqs(p_chat_ids[i], p_user_ids[i], v_scanned_to, v_head, p_max_unread + 1 - cardinality(v_seqs), v_rows_left) u;
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
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> n.user_id FROM messages m
              WHERE m.chat_id = n.chat_id AND m.seq BETWEEN n.message_seq AND n.message_seq ORDER BY m.seq LIMIT 1)
          LIMIT p_max_unread) named
        UNION
        SELECT everybody.seq FROM (
          SELECT x.seq FROM message_extras x WHERE x.chat_id = p_chat_ids[i] AND x.mention_all AND x.seq > v_after
            AND (SELECT m.flags & 3 = 0 AND m.sender_id <> p_user_ids[i] FROM messages m
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

-- Moves read markers of any users forward: of a chat's main timeline, or of a thread (p_thread_ids has the id of its root, and null for
-- the main timeline). Returns an outcome for each, in the order given:
--   moved       the marker is at the number now
--   same        it was there or beyond, or another call of the batch has moved it beyond; nothing changes
--   later       p_may_write is false, and the marker would move
--   no_chat     there is no such chat, or it is a direct chat of others
--   no_member   the user is no member of it
--   beyond      the chat has no such number yet
--   no_thread   the chat has no such message, or it has no replies
--   busy        only with p_waits false: another transaction has locked the user's membership
-- A thread's marker is kept also of a user who does not follow it. Whoever begins to follow has it then.
--
-- Each change sets the membership's state_mark, also that of a thread's marker: the inbox finds states by it.
-- The locks are taken in one order: memberships by chat and user, each before its threads. A lock is waited for at most 300 ms; then the
-- function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION mark_read(p_user_ids uuid[], p_chat_ids uuid[], p_seqs int[], p_thread_ids uuid[], p_may_write boolean[], p_waits boolean)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_outcomes text[] := array_fill(NULL::text, ARRAY[cardinality(p_user_ids)]);
  i int;
  v_read int;
  v_head int;
  v_root int;
BEGIN
  FOR i IN
    SELECT g.place FROM unnest(p_chat_ids, p_user_ids, p_seqs) WITH ORDINALITY AS g (chat_id, user_id, seq, place)
    ORDER BY g.chat_id, g.user_id, g.seq DESC, g.place
  LOOP
    SELECT m.read_seq, c.last_seq INTO v_read, v_head FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL;
    IF NOT FOUND THEN
      v_outcomes[i] := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_ids[i] AND c.kind = 'group') THEN 'no_member' ELSE 'no_chat' END;
      CONTINUE;
    END IF;
    IF p_seqs[i] > v_head THEN
      v_outcomes[i] := 'beyond';
      CONTINUE;
    END IF;
    v_root := NULL;
    IF p_thread_ids[i] IS NOT NULL THEN
      v_root := (SELECT t.root_seq FROM threads t
        WHERE t.chat_id = p_chat_ids[i] AND t.root_seq = message_seq_of(p_chat_ids[i], p_thread_ids[i]));
      IF v_root IS NULL THEN
        v_outcomes[i] := 'no_thread';
        CONTINUE;
      END IF;
      v_read := coalesce((SELECT f.read_seq FROM thread_follows f
        WHERE f.user_id = p_user_ids[i] AND f.chat_id = p_chat_ids[i] AND f.root_seq = v_root), 0);
    END IF;
    IF p_seqs[i] <= v_read THEN
      v_outcomes[i] := 'same';
      CONTINUE;
    END IF;
    IF NOT p_may_write[i] THEN
      v_outcomes[i] := 'later';
      CONTINUE;
    END IF;
    IF NOT p_waits THEN
      PERFORM 1 FROM chat_memberships m WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        v_outcomes[i] := 'busy';
        CONTINUE;
      END IF;
    END IF;
    UPDATE chat_memberships m SET state_mark = pg_current_xact_id()::text::bigint,
      read_seq = CASE WHEN v_root IS NULL THEN greatest(m.read_seq, p_seqs[i]) ELSE m.read_seq END
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL
      AND (v_root IS NOT NULL OR m.read_seq < p_seqs[i]);
    v_outcomes[i] := CASE WHEN FOUND THEN 'moved' ELSE 'same' END;
    IF FOUND AND v_root IS NOT NULL THEN
      INSERT INTO thread_follows AS f (user_id, chat_id, root_seq, following, read_seq, mark)
      VALUES (p_user_ids[i], p_chat_ids[i], v_root, false, p_seqs[i], pg_current_xact_id()::text::bigint)
      ON CONFLICT (user_id, chat_id, root_seq) DO UPDATE SET read_seq = excluded.read_seq, mark = excluded.mark
        WHERE f.read_seq < excluded.read_seq;
    END IF;
  END LOOP;
  RETURN QUERY SELECT u.outcome FROM unnest(v_outcomes) WITH ORDINALITY AS u (outcome, place) ORDER BY u.place;
END
$$;

-- Moves a member's read marker of the main timeline back, to the number before p_from_seq. Outcomes:
--   moved       the marker is there now
--   same        it was there or lower; nothing changes
--   no_chat, no_member, beyond   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION mark_unread(p_user_id uuid, p_chat_id uuid, p_from_seq int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_head int;
  v_kind chat_kind;
BEGIN
  SELECT c.last_seq, c.kind INTO v_head, v_kind FROM chats c WHERE c.id = p_chat_id;
  outcome := CASE
    WHEN v_head IS NULL THEN 'no_chat'
    WHEN NOT EXISTS (SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL)
      THEN CASE WHEN v_kind = 'group' THEN 'no_member' ELSE 'no_chat' END
    WHEN p_from_seq > v_head THEN 'beyond'
    ELSE 'same' END;
  IF outcome = 'same' THEN
    UPDATE chat_memberships m SET read_seq = p_from_seq - 1, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL AND m.read_seq >= p_from_seq;
    IF FOUND THEN
      outcome := 'moved';
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Moves a user's read markers to the newest number: of these chats (null: of all chats that the user is a member of), and of the threads
-- in them that the user follows and that have newer replies. p_chat_ids has each chat once. Returns a row for each chat of which
-- something changed:
--   moved     read_seq is the marker of the main timeline now
--   threads   only markers of threads have moved
-- or one row, no_member, after which nothing has changed: the user is no member of one of the chats.
-- The locks are taken in the order of mark_read. A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and
-- writes nothing.
CREATE OR REPLACE FUNCTION mark_all_read(p_user_id uuid, p_chat_ids uuid[])
RETURNS TABLE (outcome text, chat_id uuid, read_seq int)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_chat_ids uuid[];
  v_head int;
  v_root_seqs int[];
BEGIN
  v_chat_ids := array(SELECT m.chat_id FROM unnest(p_chat_ids) AS asked (id) JOIN chat_memberships m ON m.chat_id = asked.id
    WHERE m.user_id = p_user_id AND m.left_at IS NULL);
  IF cardinality(v_chat_ids) < cardinality(p_chat_ids) THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  IF p_chat_ids IS NULL THEN
    v_chat_ids := array(SELECT m.chat_id FROM chat_memberships m WHERE m.user_id = p_user_id AND m.left_at IS NULL);
  END IF;

  FOR chat_id IN SELECT u.id FROM unnest(v_chat_ids) AS u (id) ORDER BY u.id LOOP
    SELECT m.read_seq, c.last_seq INTO read_seq, v_head FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    v_root_seqs := array(SELECT f.root_seq FROM thread_follows f
      WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.following
        AND f.read_seq < (SELECT t.last_reply_seq FROM threads t WHERE t.chat_id = f.chat_id AND t.root_seq BETWEEN f.root_seq AND f.root_seq
          ORDER BY t.root_seq LIMIT 1));
    CONTINUE WHEN read_seq IS NULL OR (read_seq >= v_head AND cardinality(v_root_seqs) = 0);
    UPDATE chat_memberships m SET read_seq = greatest(m.read_seq, v_head), state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = mark_all_read.chat_id AND m.user_id = p_user_id AND m.left_at IS NULL;
    CONTINUE WHEN NOT FOUND;
    UPDATE thread_follows f SET read_seq = greatest(f.read_seq, v_head), mark = pg_current_xact_id()::text::bigint
    FROM unnest(v_root_seqs) AS unread (root_seq)
    WHERE f.user_id = p_user_id AND f.chat_id = mark_all_read.chat_id AND f.root_seq = unread.root_seq;
    outcome := CASE WHEN read_seq < v_head THEN 'moved' ELSE 'threads' END;
    read_seq := greatest(read_seq, v_head);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Sets how a chat is shown to a member. p_notify is null for the default; p_sets_notify false and p_hidden null leave what is. Outcomes:
--   set         something changed
--   same        all of it was so before
--   no_chat, no_member   as of mark_read
-- The function waits at most 300 ms for the membership's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_chat_preferences(p_user_id uuid, p_chat_id uuid, p_sets_notify boolean, p_notify notify, p_hidden boolean)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_notify notify;
  v_hidden boolean;
BEGIN
  SELECT CASE WHEN p_sets_notify THEN p_notify ELSE m.notify END, coalesce(p_hidden, m.hidden),
      CASE WHEN (p_sets_notify AND p_notify IS DISTINCT FROM m.notify) OR p_hidden <> m.hidden THEN 'set' ELSE 'same' END
    INTO v_notify, v_hidden, outcome
  FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    outcome := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_id AND c.kind = 'group') THEN 'no_member' ELSE 'no_chat' END;
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET notify = v_notify, hidden = v_hidden, state_mark = pg_current_xact_id()::text::bigint
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  RETURN NEXT;
END
$$;

-- Its outcome says whether something has changed, and the membership's state_mark is set then.
-- Makes a member follow the thread of a message, or stop. Takes no number: it is the member's own state. Outcomes:
--   set          the membership's state_mark is this transaction's
--   same         it was so before; nothing changes
--   no_member    the user is no member of the chat
--   no_thread    the chat has no such message, or it has no replies
-- Who follows for the first time has read everything that is there.
-- The function waits at most 1 s for a row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_thread_follow(p_chat_id uuid, p_message_id uuid, p_user_id uuid, p_follow boolean)
RETURNS TABLE (outcome text, root_seq int)
LANGUAGE plpgsql
-- A plan made while the tables were small would read them whole, and stay in use as they grow.
SET enable_seqscan = off
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_head int;
BEGIN
  SELECT c.last_seq INTO v_head FROM chats c JOIN chat_memberships m ON m.chat_id = c.id
  WHERE c.id = p_chat_id AND m.user_id = p_user_id AND m.left_at IS NULL FOR NO KEY UPDATE OF m;
  IF NOT FOUND THEN
    outcome := 'no_member';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT t.root_seq, CASE WHEN coalesce(f.following, false) = p_follow THEN 'same' ELSE 'set' END INTO root_seq, outcome
  FROM threads t LEFT JOIN thread_follows f ON f.user_id = p_user_id AND f.chat_id = t.chat_id AND f.root_seq = t.root_seq
  WHERE t.chat_id = p_chat_id AND t.root_seq = message_seq_of(p_chat_id, p_message_id);
  IF NOT FOUND THEN
    outcome := 'no_thread';
  ELSIF outcome = 'set' THEN
    UPDATE chat_memberships m SET state_mark = pg_current_xact_id()::text::bigint WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    IF p_follow THEN
      PERFORM follow_thread(p_chat_id, set_thread_follow.root_seq, ARRAY[p_user_id], v_head);
    ELSE
      UPDATE thread_follows f SET following = false, mark = pg_current_xact_id()::text::bigint
      WHERE f.user_id = p_user_id AND f.chat_id = p_chat_id AND f.root_seq = set_thread_follow.root_seq AND f.following;
    END IF;
  END IF;
  RETURN NEXT;
END
$$;
