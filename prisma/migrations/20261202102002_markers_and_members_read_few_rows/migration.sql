-- Makes a user a member of a chat, and writes the event member.added. Outcomes:
--   created    the user is a member now; the event has the number seq
--   repeated   the user was a member already; nothing changes
--   direct     the chat is a direct chat, which has its two members for ever, and the actor is one of them or an operator
--   no_chat    there is no such chat, or it is a direct chat of others
--   no_user
-- A user who was a member before keeps the restrictions of then: a mute stays, and the role is at most "member". The read marker
-- and the preferences stay too.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION add_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid)
RETURNS TABLE (outcome text, epoch text, seq int, joined_at timestamptz, role chat_role)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz(3);
  v_joined timestamptz(3);
  v_epoch text;
  v_seq int;
  v_mark bigint;
  v_role chat_role;
  v_kind chat_kind;
  v_is_member boolean;
BEGIN
  SELECT c.epoch, c.kind INTO v_epoch, v_kind FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
  IF NOT FOUND OR v_kind = 'direct' THEN
    RETURN QUERY SELECT CASE WHEN v_kind = 'direct' AND (p_actor_id IS NULL OR EXISTS (
        SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_actor_id)) THEN 'direct' ELSE 'no_chat' END,
      NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  PERFORM 1 FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'no_user', NULL::text, NULL::int, NULL::timestamptz, NULL::chat_role;
    RETURN;
  END IF;
  -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
  SELECT m.joined_at, m.role, m.left_at IS NULL INTO v_joined, v_role, v_is_member FROM chat_memberships m
  WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  IF v_is_member THEN
    RETURN QUERY SELECT 'repeated', v_epoch, NULL::int, v_joined::timestamptz, v_role;
    RETURN;
  END IF;

  SELECT n.seq, n.mark INTO v_seq, v_mark FROM take_number(p_chat_id) n;
  INSERT INTO chat_memberships AS m (chat_id, user_id, joined_at, joined_seq, joined_mark)
  VALUES (p_chat_id, p_user_id, v_now, v_seq, v_mark)
  ON CONFLICT (chat_id, user_id) DO UPDATE
    SET joined_at = v_now, joined_seq = v_seq, joined_mark = v_mark, left_at = NULL, role = least(m.role, 'member')
  RETURNING m.role INTO v_role;
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  VALUES (p_chat_id, v_seq, v_mark, 'member.added', p_actor_id, p_user_id, v_now);
  RETURN QUERY SELECT 'created', v_epoch, v_seq, v_now::timestamptz, v_role;
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
  v_is_member boolean;
BEGIN
  FOR i IN
    SELECT g.place FROM unnest(p_chat_ids, p_user_ids, p_seqs) WITH ORDINALITY AS g (chat_id, user_id, seq, place)
    ORDER BY g.chat_id, g.user_id, g.seq DESC, g.place
  LOOP
    -- By the primary key, here and below: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.read_seq, c.last_seq, m.left_at IS NULL INTO v_read, v_head, v_is_member FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i];
    IF v_is_member IS NOT TRUE THEN
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
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND coalesce(m.left_at, 'infinity') = 'infinity'
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
    WHEN member_role(p_chat_id, p_user_id) IS NULL
      THEN CASE WHEN v_kind = 'group' THEN 'no_member' ELSE 'no_chat' END
    WHEN p_from_seq > v_head THEN 'beyond'
    ELSE 'same' END;
  IF outcome = 'same' THEN
    UPDATE chat_memberships m SET read_seq = p_from_seq - 1, state_mark = pg_current_xact_id()::text::bigint
    -- As in mark_read, the primary key finds it.
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id AND coalesce(m.left_at, 'infinity') = 'infinity' AND m.read_seq >= p_from_seq;
    IF FOUND THEN
      outcome := 'moved';
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Ends a membership, and writes the event member.removed. p_needs is the lowest role that may do it (chats/rights.ts). Outcomes:
--   removed      the user is no member any more; the event has the number seq
--   repeated     the user was no member; nothing changes
--   rank         the member's role is not lower than the actor's; a member who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   direct       the actor is one of the two members of a direct chat, whom nobody removes
--   no_user, and the refusals of lock_chat_for
-- The membership's row stays, with left_at, so that leaving and coming back lifts no restriction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_direct boolean := is_direct_chat(p_chat_id);
  v_is_admin boolean;
  v_is_member boolean;
  v_mark bigint;
BEGIN
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, CASE WHEN v_is_direct THEN 'reader' ELSE p_needs END) l;
  IF outcome = 'locked' AND v_is_direct THEN
    outcome := 'direct';
  ELSIF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT m.role, m.joined_at, u.role = 'admin', m.left_at IS NULL INTO role, joined_at, v_is_admin, v_is_member
    FROM chat_memberships m JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    outcome := CASE
      WHEN v_is_member IS NOT TRUE THEN CASE WHEN EXISTS (SELECT 1 FROM users u WHERE u.id = p_user_id) THEN 'repeated' ELSE 'no_user' END
      WHEN v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      ELSE 'removed' END;
    IF outcome = 'rank' AND v_is_admin THEN
      role := 'owner';
    ELSIF outcome = 'repeated' THEN
      role := NULL;
      joined_at := NULL;
    END IF;
  END IF;
  IF outcome = 'removed' THEN
    UPDATE chat_memberships m SET left_at = remove_chat_member.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
    INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
    VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at);
  END IF;
  RETURN NEXT;
END
$$;
