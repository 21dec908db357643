-- Bans a user from a chat until p_until (null: for ever), and ends the membership, if the user has one, with the event member.removed. An
-- invitation that is open ends too: it shows the chat.
-- p_right is as of access_refusal. Outcomes:
--   removed      the user is banned, and no member any more; the event has the number seq
--   banned       the user is banned, and was no member
--   repeated     the user was banned so already; nothing changes
--   past         p_until is not in the future
--   rank         the user is the actor, or a member whose role is not lower than the actor's; a user who is an admin counts as an owner
--   last_owner   the chat would have no owner any more
--   no_user, and the refusals of lock_chat_for
-- p_reason is for the moderators and the audit log. p_deletes says which messages of the user go, as DeleteSpan in
-- src/domain/chats/bans.ts: that is put down in sender_deletions, and they are deleted behind this transaction.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION ban_user(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_until timestamptz, p_reason text,
  p_deletes text DEFAULT 'none')
RETURNS TABLE (outcome text, epoch text, seq int, at timestamptz, role chat_role, joined_at timestamptz, until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_is_member boolean;
  v_is_admin boolean;
  v_mark bigint;
  v_data jsonb;
BEGIN
  until := p_until::timestamptz(3);
  SELECT l.outcome, l.epoch, l.standing INTO outcome, epoch, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    at := clock_timestamp()::timestamptz(3);
    v_is_admin := (SELECT u.role = 'admin' FROM users u WHERE u.id = p_user_id);
    -- By the primary key: with the condition of the index of members, a plan may read all members of the chat.
    SELECT CASE WHEN m.left_at IS NULL THEN m.role END, m.joined_at INTO role, joined_at FROM chat_memberships m
    WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
    v_is_member := role IS NOT NULL;
    outcome := CASE
      WHEN ban_user.until <= at THEN 'past'
      WHEN v_is_admin IS NULL THEN 'no_user'
      WHEN p_user_id = p_actor_id OR (v_standing <> 'admin' AND (v_is_admin OR role >= v_standing::chat_role)) THEN 'rank'
      WHEN role = 'owner' AND is_last_owner(p_chat_id, p_user_id) THEN 'last_owner'
      WHEN v_is_member THEN 'removed'
      WHEN EXISTS (SELECT 1 FROM chat_bans b WHERE b.chat_id = p_chat_id AND b.user_id = p_user_id
        AND b.until IS NOT DISTINCT FROM ban_user.until AND b.reason IS NOT DISTINCT FROM p_reason) THEN 'repeated'
      ELSE 'banned' END;
    IF outcome = 'rank' AND (v_is_admin OR role IS NULL) THEN
      role := 'owner';
    END IF;
  END IF;
  IF outcome IN ('removed', 'banned') THEN
    v_data := CASE WHEN ban_user.until IS NULL THEN '{}' ELSE jsonb_build_object('until', iso_time(ban_user.until)) END;
    IF outcome = 'removed' THEN
      UPDATE chat_memberships m SET left_at = ban_user.at WHERE m.chat_id = p_chat_id AND m.user_id = p_user_id;
      PERFORM count_members(p_chat_id, -1);
      SELECT n.seq, n.mark INTO seq, v_mark FROM take_number(p_chat_id) n;
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at, data)
      VALUES (p_chat_id, seq, v_mark, 'member.removed', p_actor_id, p_user_id, at, v_data || '{"cause": "banned"}');
    END IF;
    UPDATE invitations i SET expires_at = ban_user.at, mark = pg_current_xact_id()::text::bigint
    WHERE i.chat_id = p_chat_id AND i.user_id = p_user_id AND i.expires_at > ban_user.at;
    INSERT INTO chat_bans AS b (chat_id, user_id, until, by_id, at, reason)
    VALUES (p_chat_id, p_user_id, ban_user.until, p_actor_id, ban_user.at, p_reason)
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET until = excluded.until, by_id = excluded.by_id, at = excluded.at, reason = excluded.reason;
  END IF;
  IF outcome IN ('removed', 'banned', 'repeated') AND p_deletes <> 'none' THEN
    -- Who asked works on it for a moment; after that every process may.
    INSERT INTO sender_deletions AS d (chat_id, user_id, actor_id, since, up_to_seq, taken_until)
    SELECT p_chat_id, p_user_id, p_actor_id, CASE p_deletes
        WHEN 'hour' THEN ban_user.at - interval '1 hour' WHEN 'day' THEN ban_user.at - interval '1 day'
        WHEN 'week' THEN ban_user.at - interval '7 days' WHEN 'all' THEN '-infinity' END,
      c.last_seq, ban_user.at + interval '5 s'
    FROM chats c WHERE c.id = p_chat_id
    ON CONFLICT (chat_id, user_id) DO UPDATE
      SET actor_id = excluded.actor_id, since = least(d.since, excluded.since), up_to_seq = excluded.up_to_seq, taken_until = excluded.taken_until;
  END IF;
  IF outcome IN ('removed', 'banned') THEN
    PERFORM write_audit(p_actor_id, p_family_id, 'user.banned', p_chat_id, p_user_id::text,
      v_data || CASE WHEN p_deletes = 'none' THEN '{}' ELSE jsonb_build_object('deletes', p_deletes) END, p_reason);
  END IF;
  RETURN NEXT;
END
$$;
