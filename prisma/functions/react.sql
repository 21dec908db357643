-- Adds reactions of any users to any messages, and removes them. Returns a row for each, in the order given. Outcomes:
--   done          the reaction is there now, or is gone now
--   repeated      it was there already, or was not there; nothing changes
--   unreachable   there is no such chat, or it is deleted, or the user is not active, or is neither a member nor, but in a direct
--                 chat, an admin
--   role, archived, muted   as of access_refusal, by p_right
--   no_message    the chat has no message with this id
--   deleted       the message is deleted
--   full          the message has p_max_emoji different emoji, and this would be one more
--   busy          only with p_waits false: another transaction has locked the user's membership or the message's reactions
-- message and extras are of messages_as_json, with the reactions as their rows are now; null but in the first row of each message. Of a
-- message that was deleted after its reaction was written they are those of a deleted one, without the reactions that wait to be dropped.
--
-- The chats are not locked. The memberships are, FOR SHARE: a removal, or a change of the role, that is committed first is seen, and
-- one that comes later waits for this transaction; so does a mute. A chat that is archived meanwhile keeps a
-- reaction that did not see it. The locks are taken in one order, which is that of every transaction here: chats,
-- memberships by chat and user, lock_reactions, reaction_dirty by key.
--
-- A lock is waited for at most 300 ms; then the function fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION react(p_chat_ids uuid[], p_message_ids uuid[], p_user_ids uuid[], p_emoji text[], p_adds boolean[], p_right jsonb, p_max_emoji int, p_waits boolean)
RETURNS TABLE (outcome text, chat_id uuid, seq int, message jsonb, extras jsonb)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = 300
AS $$
#variable_conflict use_column
DECLARE
  v_count int := cardinality(p_chat_ids);
  v_outcomes text[] := array_fill(NULL::text, ARRAY[v_count]);
  v_seqs int[] := array_fill(NULL::int, ARRAY[v_count]);
  v_locked int[];
  i int;
  v_role chat_role;
  v_muted timestamptz;
  v_standing text;
  v_kind chat_kind;
  v_archived timestamptz;
  v_flags int;
  v_changed boolean;
BEGIN
  FOR i IN SELECT g.place FROM unnest(p_chat_ids, p_user_ids) WITH ORDINALITY AS g (chat_id, user_id, place) ORDER BY g.chat_id, g.user_id
  LOOP
    SELECT m.role, m.muted_until INTO v_role, v_muted FROM chat_memberships m
    WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (
      SELECT 1 FROM chat_memberships m WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL)
    THEN
      IF NOT p_waits THEN
        v_outcomes[i] := 'busy';
        CONTINUE;
      END IF;
      SELECT m.role, m.muted_until INTO v_role, v_muted FROM chat_memberships m
      WHERE m.chat_id = p_chat_ids[i] AND m.user_id = p_user_ids[i] AND m.left_at IS NULL FOR SHARE;
    END IF;
    SELECT c.kind, c.archived_at, CASE WHEN u.role = 'admin' AND c.kind <> 'direct' THEN 'admin' ELSE v_role::text END
      INTO v_kind, v_archived, v_standing
    FROM chats c, users u WHERE c.id = p_chat_ids[i] AND c.deleted_at IS NULL AND u.id = p_user_ids[i] AND u.is_active;
    IF v_standing IS NULL THEN
      v_outcomes[i] := 'unreachable';
      CONTINUE;
    END IF;
    v_outcomes[i] := access_refusal(p_right, v_standing, v_kind, v_archived, NULL, v_muted, clock_timestamp()::timestamptz(3));
    CONTINUE WHEN v_outcomes[i] IS NOT NULL;
    v_seqs[i] := message_seq_of(p_chat_ids[i], p_message_ids[i]);
    IF v_seqs[i] IS NULL THEN
      v_outcomes[i] := 'no_message';
    END IF;
  END LOOP;

  v_locked := lock_reactions(p_chat_ids, v_seqs, p_waits);

  FOR i IN
    SELECT g.place FROM unnest(p_chat_ids, v_seqs) WITH ORDINALITY AS g (chat_id, seq, place)
    WHERE g.seq IS NOT NULL ORDER BY g.chat_id, g.seq, g.place
  LOOP
    IF NOT p_waits AND NOT i = ANY (v_locked) THEN
      v_outcomes[i] := 'busy';
      CONTINUE;
    END IF;
    SELECT m.flags INTO v_flags FROM messages m WHERE m.chat_id = p_chat_ids[i] AND m.seq = v_seqs[i];
    IF v_flags & 1 <> 0 THEN
      v_outcomes[i] := 'deleted';
    ELSIF p_adds[i] THEN
      IF EXISTS (SELECT 1 FROM reactions r
        WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i] AND r.user_id = p_user_ids[i])
      THEN
        v_outcomes[i] := 'repeated';
      ELSIF NOT EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i])
        AND reaction_emoji_count(p_chat_ids[i], v_seqs[i]) >= p_max_emoji
      THEN
        v_outcomes[i] := 'full';
      ELSE
        INSERT INTO reactions (chat_id, seq, emoji, user_id, at)
        VALUES (p_chat_ids[i], v_seqs[i], p_emoji[i], p_user_ids[i], clock_timestamp());
        v_outcomes[i] := 'done';
      END IF;
    ELSE
      DELETE FROM reactions r
      WHERE r.chat_id = p_chat_ids[i] AND r.seq = v_seqs[i] AND r.emoji = p_emoji[i] AND r.user_id = p_user_ids[i];
      v_outcomes[i] := CASE WHEN FOUND THEN 'done' ELSE 'repeated' END;
    END IF;
  END LOOP;

  RETURN QUERY
    SELECT g.outcome, g.chat_id, g.seq, shown.message,
      coalesce(shown.extras, '{}') || CASE WHEN g.shows AND (shown.extras -> 'deletedAt') IS NULL
        THEN jsonb_build_object('reactions', reactions_as_json(g.chat_id, g.seq)) ELSE '{}' END
    FROM (
      SELECT u.outcome, u.chat_id, u.seq, u.place, u.outcome IN ('done', 'repeated')
        AND row_number() OVER (PARTITION BY u.chat_id, u.seq, u.outcome IN ('done', 'repeated') ORDER BY u.place) = 1 AS shows
      FROM unnest(v_outcomes, p_chat_ids, v_seqs) WITH ORDINALITY AS u (outcome, chat_id, seq, place)) g
    -- Of no chat, it reads nothing.
    LEFT JOIN LATERAL messages_as_json(CASE WHEN g.shows THEN ARRAY[g.chat_id] ELSE ARRAY[]::uuid[] END, ARRAY[g.seq]) shown
      ON true
    ORDER BY g.place;

  -- Last, so that the summariser, which locks the chat, waits for little more than the COMMIT.
  INSERT INTO reaction_dirty AS d (chat_id, seq, user_id)
  SELECT g.chat_id, g.seq, CASE WHEN count(DISTINCT g.user_id) = 1 THEN (array_agg(g.user_id))[1] END
  FROM unnest(v_outcomes, p_chat_ids, v_seqs, p_user_ids) AS g (outcome, chat_id, seq, user_id)
  WHERE g.outcome = 'done' GROUP BY g.chat_id, g.seq ORDER BY g.chat_id, g.seq
  ON CONFLICT (chat_id, seq) DO UPDATE
    SET n = d.n + 1, user_id = CASE WHEN d.user_id = excluded.user_id THEN d.user_id END;
END
$$;
