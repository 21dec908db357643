-- Moves read markers of any users forward: of a chat's main timeline, or of a thread (p_thread_ids has the id of its root, and null for
-- the main timeline). Returns an outcome for each, in the order given:
--   moved       the marker is at the number now
--   same        it was there or beyond, or another call of the batch has moved it beyond; nothing changes
--   later       p_may_write is false, and the marker would move
--   no_chat     there is no such chat, or it is deleted, or it is a direct chat of others
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
    SELECT m.read_seq, c.last_seq, m.left_at IS NULL AND c.deleted_at IS NULL INTO v_read, v_head, v_is_member FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i];
    IF v_is_member IS NOT TRUE THEN
      v_outcomes[i] := CASE WHEN EXISTS (SELECT 1 FROM chats c WHERE c.id = p_chat_ids[i] AND c.kind = 'group' AND c.deleted_at IS NULL) THEN 'no_member' ELSE 'no_chat' END;
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
