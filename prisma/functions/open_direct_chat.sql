-- Returns the direct chat of the actor and another user, and makes it if they have none. p_chat_id and p_epoch are of the chat that is
-- made. seq is the chat's newest number. Outcomes:
--   created      the chat is new; both are its members, by the events member.added with the numbers 1 (the actor) and 2
--   repeated     they have a direct chat already
--   signed_out   the actor is not active, or the sign-in has ended
--   no_user      there is no such user
--   inactive     the user is not active
-- Locks the rows of the actor and the sign-in until COMMIT, as lock_chat_for does. Those who make the chat of one pair wait for each
-- other, so that they make one.
-- The function waits at most 1 s for a lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION open_direct_chat(p_chat_id uuid, p_epoch text, p_actor_id uuid, p_family_id uuid, p_user_id uuid)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, at timestamptz, other jsonb)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_lower uuid := least(p_actor_id, p_user_id);
  v_higher uuid := greatest(p_actor_id, p_user_id);
  v_mark bigint;
BEGIN
  IF lock_sign_in(p_actor_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT CASE WHEN u.is_active THEN 'repeated' ELSE 'inactive' END, profile_as_json(u) INTO outcome, other
  FROM users u WHERE u.id = p_user_id;
  IF NOT FOUND THEN
    outcome := 'no_user';
  END IF;
  IF outcome <> 'repeated' THEN
    RETURN NEXT;
    RETURN;
  END IF;

  -- Once without the pair's lock, and once more under it.
  FOR i IN 1 .. 2 LOOP
    SELECT c.id, c.epoch, c.last_seq INTO chat_id, epoch, seq
    FROM direct_chats d JOIN chats c ON c.id = d.chat_id WHERE d.lower_id = v_lower AND d.higher_id = v_higher;
    IF FOUND THEN
      RETURN NEXT;
      RETURN;
    END IF;
    IF i = 1 THEN
      -- The first number keeps these locks apart from those of take_created_seq and lock_reactions.
      PERFORM pg_advisory_xact_lock(72707375, hashtext(v_lower || ' ' || v_higher));
    END IF;
  END LOOP;

  outcome := 'created';
  chat_id := p_chat_id;
  epoch := p_epoch;
  at := clock_timestamp()::timestamptz(3);
  INSERT INTO chats (id, name, name_key, epoch, kind, member_count, created_at)
  VALUES (p_chat_id, 'dm-' || p_chat_id, 'dm-' || p_chat_id, p_epoch, 'direct', 2, at);
  INSERT INTO direct_chats (lower_id, higher_id, chat_id) VALUES (v_lower, v_higher, p_chat_id);
  SELECT n.seq, n.mark INTO seq, v_mark FROM take_numbers(p_chat_id, 2) n;
  -- Who is blocked by the other is muted (set_block).
  INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark, muted_until)
  SELECT p_chat_id, added.user_id, open_direct_chat.at, added.seq, v_mark,
    CASE WHEN EXISTS (SELECT 1 FROM user_blocks b
      WHERE b.blocked_id = added.user_id AND b.user_id = CASE WHEN added.user_id = v_lower THEN v_higher ELSE v_lower END)
    THEN timestamptz '9999-12-31 23:59:59.999+00' END
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
  SELECT p_chat_id, added.seq, v_mark, 'member.added', p_actor_id, added.user_id, open_direct_chat.at
  FROM unnest(ARRAY[p_actor_id, p_user_id]) WITH ORDINALITY AS added (user_id, seq);
  RETURN NEXT;
END
$$;
