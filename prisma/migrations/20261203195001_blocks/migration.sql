-- CreateTable
CREATE TABLE "user_blocks" (
    "user_id" UUID NOT NULL,
    "blocked_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_blocks_pkey" PRIMARY KEY ("user_id","blocked_id")
);

-- CreateIndex
CREATE INDEX "user_blocks_blocked_id_idx" ON "user_blocks"("blocked_id");

-- AddForeignKey
ALTER TABLE "user_blocks" ADD CONSTRAINT "user_blocks_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "user_blocks" ADD CONSTRAINT "user_blocks_blocked_id_fkey" FOREIGN KEY ("blocked_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Returns why a user may not do something in a chat, and null when the user may. Refusals, in the order of src/domain/chats/chat-access.ts:
--   outsider       the user is neither a member nor, but in a direct chat, an admin
--   direct         nobody does it in a direct chat, and this is one
--   role           the user's role is lower than the action needs
--   archived       the chat is archived, and an archived chat does not allow it
--   posting_role   the user's role is lower than the one that writes in the chat
--   blocked        the other one of a direct chat has blocked the user, who may write nothing there (set_block)
--   muted          the user is muted, and a muted member may not do it
-- p_right is the action's row of the table of rights (src/domain/chats/rights.ts): {"needs", "inDirect", "whileArchived", "whileMuted",
-- "posts", "isNarrowed"}. p_standing is 'admin', the role of the user's membership, or 'outsider'.
CREATE OR REPLACE FUNCTION access_refusal(p_right jsonb, p_standing text, p_kind chat_kind, p_archived_at timestamptz, p_posting_role chat_role,
  p_muted_until timestamptz, p_at timestamptz)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
  v_needs text := p_right ->> CASE WHEN p_kind = 'direct' THEN 'inDirect' ELSE 'needs' END;
BEGIN
  IF p_standing = 'outsider' THEN
    RETURN p_standing;
  ELSIF v_needs = 'never' THEN
    RETURN 'direct';
  ELSIF p_standing <> 'admin' AND (v_needs = 'admin' OR p_standing::chat_role < v_needs::chat_role) THEN
    RETURN 'role';
  ELSIF p_archived_at IS NOT NULL AND NOT p_right ? 'whileArchived' THEN
    RETURN 'archived';
  ELSIF p_standing <> 'admin' AND p_right ? 'posts' AND p_standing::chat_role < p_posting_role THEN
    RETURN 'posting_role';
  ELSIF p_kind = 'direct' THEN
    RETURN CASE WHEN p_muted_until > p_at AND p_right ? 'posts' THEN 'blocked' END;
  ELSIF p_standing <> 'admin' AND p_muted_until > p_at AND NOT p_right ? 'whileMuted' THEN
    RETURN 'muted';
  END IF;
  RETURN NULL;
END
$$;

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
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_actor_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
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

-- Returns why a user may not send to a chat at p_at. Outcomes:
--   unreachable    as of append_messages
--   role           the user's role in the chat is lower than p_needs
--   archived       the chat is archived
--   posting_role   the user's role is lower than the chat's, which details names: {"needs"}
--   muted          the user is muted
--   blocked        the other one of a direct chat has blocked the user
--   slow_mode      the user sent a message a moment ago, and may send the next one in details: {"retryAfterMs"}
--   null           the user may send
-- The parameters are as of may_send, which says yes exactly where this is null for a member of a chat that is open.
CREATE OR REPLACE FUNCTION send_refusal(p_chat_id uuid, p_user_id uuid, p_needs chat_role, p_free chat_role, p_is_narrowed boolean, p_at timestamptz)
RETURNS TABLE (outcome text, details jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
  v_is_admin boolean;
  v_is_direct boolean;
  v_is_archived boolean;
  v_posting_role chat_role;
  v_role chat_role;
  v_muted timestamptz;
  v_last timestamptz;
  v_slow int;
BEGIN
  SELECT u.role = 'admin' AND c.kind <> 'direct', c.kind = 'direct', c.archived_at IS NOT NULL, c.posting_role, c.slow_seconds
    INTO v_is_admin, v_is_direct, v_is_archived, v_posting_role, v_slow
  FROM users u, chats c WHERE u.id = p_user_id AND c.id = p_chat_id AND u.is_active AND c.deleted_at IS NULL;
  IF FOUND THEN
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.muted_until, m.last_sent_at INTO v_role, v_muted, v_last
    FROM chat_memberships m WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
  END IF;
  IF p_is_narrowed THEN
    v_role := least(v_role, 'member');
  END IF;
  outcome := CASE
    WHEN v_is_admin IS NULL OR (v_role IS NULL AND NOT v_is_admin) THEN 'unreachable'
    WHEN NOT v_is_admin AND v_role < p_needs THEN 'role'
    WHEN v_is_archived THEN 'archived'
    WHEN v_is_admin THEN NULL
    WHEN v_role < v_posting_role THEN 'posting_role'
    WHEN v_muted > p_at THEN CASE WHEN v_is_direct THEN 'blocked' ELSE 'muted' END
    WHEN v_slow > 0 AND v_role < p_free AND v_last + make_interval(secs => v_slow) > p_at THEN 'slow_mode' END;
  details := CASE outcome
    WHEN 'posting_role' THEN jsonb_build_object('needs', v_posting_role)
    WHEN 'slow_mode' THEN jsonb_build_object('retryAfterMs',
      ceil(extract(epoch FROM v_last + make_interval(secs => v_slow) - p_at) * 1000)::int) END;
  RETURN NEXT;
END
$$;

-- Makes p_user_id block another user, or with p_is_blocked false block them no more. Outcomes:
--   set          it is so now
--   repeated     it was so before; nothing changes
--   no_user      there is no such user
--   full         the user blocks p_most users already
--   signed_out   the user is not active, or the sign-in has ended
-- In the direct chat of the two, what the blocked user may not do is a mute of their membership: there are no others in direct chats, so
-- a message in another chat asks nothing more. It takes the pair's lock as open_direct_chat does, so a chat that is opened at the same
-- time begins with it.
-- The function waits at most 1 s for each lock, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION set_block(p_user_id uuid, p_family_id uuid, p_other_id uuid, p_is_blocked boolean, p_most int)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_chat_id uuid;
  v_was_blocked boolean;
BEGIN
  PERFORM 1 FROM users u JOIN token_families f ON f.user_id = u.id
  WHERE u.id = p_user_id AND u.is_active AND f.id = p_family_id AND f.revoked_at IS NULL AND is_vouched_for(f.issued_by, u.role)
  FOR SHARE OF u, f;
  IF NOT FOUND THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(72707375, hashtext(least(p_user_id, p_other_id) || ' ' || greatest(p_user_id, p_other_id)));
  v_was_blocked := EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id);
  outcome := CASE
    WHEN NOT EXISTS (SELECT 1 FROM users u WHERE u.id = p_other_id) THEN 'no_user'
    WHEN v_was_blocked = p_is_blocked THEN 'repeated'
    WHEN p_is_blocked AND (SELECT count(*) FROM user_blocks b WHERE b.user_id = p_user_id) >= p_most THEN 'full'
    ELSE 'set' END;
  IF outcome = 'set' THEN
    IF p_is_blocked THEN
      INSERT INTO user_blocks (user_id, blocked_id) VALUES (p_user_id, p_other_id);
    ELSE
      DELETE FROM user_blocks b WHERE b.user_id = p_user_id AND b.blocked_id = p_other_id;
    END IF;
    SELECT d.chat_id INTO v_chat_id FROM direct_chats d
    WHERE d.lower_id = least(p_user_id, p_other_id) AND d.higher_id = greatest(p_user_id, p_other_id);
    -- The lock waits for messages that are under way: none is numbered after the block.
    PERFORM 1 FROM chats c WHERE c.id = v_chat_id FOR NO KEY UPDATE;
    UPDATE chat_memberships m SET muted_until = CASE WHEN p_is_blocked THEN timestamptz '9999-12-31 23:59:59.999+00' END
    WHERE m.chat_id = v_chat_id AND m.user_id = p_other_id;
  END IF;
  RETURN NEXT;
END
$$;
