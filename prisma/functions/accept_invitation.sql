-- Makes a user a member of a chat by an invitation to the user, p_id, or by a link of this code. Outcomes:
--   created      the user is a member now, and a link has one use more; the event has the number seq
--   repeated     the user was a member already; nothing changes, and a link has no use more
--   no_code      no link has this code
--   gone         the invitation is not there or has ended, the link has ended or is used up, its maker may not give its role any more
--                (may_still_invite), or the user is banned from the chat
--   archived     the chat is archived
--   signed_out   the user is not active, or the sign-in has ended
-- A user who was a member before gets the role of then, if that is lower, and keeps a mute.
-- p_right is as of may_still_invite.
-- The chat's row is locked before that of the invitation or the link, as everywhere: so a link is used as often as it may be, and no more.
-- A user who is refused does not wait for it.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION accept_invitation(p_user_id uuid, p_family_id uuid, p_id uuid, p_code_hash bytea, p_right jsonb)
RETURNS TABLE (outcome text, chat_id uuid, epoch text, seq int, joined_at timestamptz, role chat_role, muted_until timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_link_id uuid;
  v_maker_id uuid;
  v_role chat_role;
  v_is_open boolean;
  v_was_member boolean;
  v_now timestamptz(3);
BEGIN
  IF p_code_hash IS NULL THEN
    SELECT v.chat_id INTO chat_id FROM invitations v WHERE v.id = p_id AND v.user_id = p_user_id;
  ELSE
    SELECT k.id, k.chat_id INTO v_link_id, chat_id FROM invite_links k WHERE k.code_hash = p_code_hash;
  END IF;
  IF NOT FOUND THEN
    outcome := CASE WHEN p_code_hash IS NULL THEN 'gone' ELSE 'no_code' END;
    RETURN NEXT;
    RETURN;
  END IF;
  IF lock_sign_in(p_user_id, p_family_id) IS NULL THEN
    outcome := 'signed_out';
    RETURN NEXT;
    RETURN;
  END IF;

  -- Once before the chat's row is locked, and once more when nothing that decides can change any more.
  FOR pass IN 1 .. 2 LOOP
    IF pass = 2 THEN
      PERFORM FROM chats c WHERE c.id = chat_id FOR NO KEY UPDATE;
      -- Who declines it locks no chat.
      PERFORM FROM invitations v WHERE v.id = p_id AND p_code_hash IS NULL FOR NO KEY UPDATE;
    END IF;
    v_now := clock_timestamp();
    IF p_code_hash IS NULL THEN
      SELECT v.role, v.inviter_id, v.expires_at > v_now INTO v_role, v_maker_id, v_is_open FROM invitations v WHERE v.id = p_id;
    ELSE
      SELECT k.role, k.maker_id, k.expires_at > v_now AND (k.max_uses IS NULL OR k.uses < k.max_uses) INTO v_role, v_maker_id, v_is_open
      FROM invite_links k WHERE k.id = v_link_id;
    END IF;
    SELECT c.epoch, CASE WHEN c.deleted_at IS NOT NULL THEN 'gone' WHEN c.archived_at IS NOT NULL THEN 'archived' END INTO epoch, outcome
    FROM chats c WHERE c.id = chat_id;
    SELECT m.left_at IS NULL, m.joined_at, m.role, CASE WHEN m.muted_until > v_now THEN m.muted_until END
    INTO v_was_member, joined_at, role, muted_until FROM chat_memberships m
    WHERE m.chat_id = accept_invitation.chat_id AND m.user_id = p_user_id;
    IF outcome = 'gone' OR v_was_member THEN
      outcome := coalesce(nullif(outcome, 'archived'), 'repeated');
    ELSIF v_is_open IS NOT TRUE OR is_banned(chat_id, p_user_id, v_now) OR NOT may_still_invite(chat_id, v_maker_id, v_role, p_right) THEN
      outcome := 'gone';
    END IF;
    IF outcome IS NOT NULL THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;

  SELECT a.outcome, a.seq, a.joined_at, a.role INTO outcome, seq, joined_at, role FROM add_chat_member(chat_id, p_user_id, p_user_id) a;
  IF outcome <> 'created' THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  role := CASE WHEN v_was_member IS NULL THEN v_role ELSE least(role, v_role) END;
  UPDATE chat_memberships m SET role = accept_invitation.role
  WHERE m.chat_id = accept_invitation.chat_id AND m.user_id = p_user_id AND m.role <> accept_invitation.role;
  UPDATE invite_links k SET uses = k.uses + 1 WHERE k.id = v_link_id;
  UPDATE invitations v SET expires_at = v_now, mark = pg_current_xact_id()::text::bigint
  WHERE v.chat_id = accept_invitation.chat_id AND v.user_id = p_user_id AND v.expires_at > v_now;
  RETURN NEXT;
END
$$;
