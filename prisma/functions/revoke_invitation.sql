-- Ends an invitation or a link before its time. Who made it may, and who has the role p_needs_for_others. p_right is as of lock_chat_for.
-- Outcomes:
--   revoked
--   repeated    it has ended already; nothing changes
--   gone        there is no such invitation and no such link
--   not_yours   another made it, and the actor's role is lower than p_needs_for_others
--   and the refusals of lock_chat_for
-- user_id is who was invited; null for a link. It is an act of the audit log: invitation.revoked or invite_link.revoked.
-- The chat's row is locked before it, as everywhere.
-- The function waits at most 1 s for each row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION revoke_invitation(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_needs_for_others chat_role)
RETURNS TABLE (outcome text, needs text, chat_id uuid, user_id uuid)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_maker_id uuid;
  v_expires_at timestamptz;
  v_now timestamptz(3);
BEGIN
  SELECT i.chat_id INTO chat_id FROM invitations i WHERE i.id = p_id;
  IF NOT FOUND THEN
    SELECT k.chat_id INTO chat_id FROM invite_links k WHERE k.id = p_id;
  END IF;
  IF NOT FOUND THEN
    outcome := 'gone';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT l.outcome, l.needs, l.standing INTO outcome, needs, v_standing FROM lock_chat_for(chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    SELECT i.user_id, i.inviter_id, i.expires_at INTO user_id, v_maker_id, v_expires_at FROM invitations i WHERE i.id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      SELECT k.maker_id, k.expires_at INTO v_maker_id, v_expires_at FROM invite_links k WHERE k.id = p_id FOR NO KEY UPDATE;
    END IF;
    v_now := clock_timestamp();
    outcome := CASE
      WHEN v_expires_at IS NULL THEN 'gone'
      WHEN v_maker_id IS DISTINCT FROM p_actor_id AND v_standing <> 'admin' AND v_standing::chat_role < p_needs_for_others THEN 'not_yours'
      WHEN v_expires_at <= v_now THEN 'repeated'
      ELSE 'revoked' END;
  END IF;
  IF outcome = 'revoked' THEN
    UPDATE invitations i SET expires_at = v_now, mark = pg_current_xact_id()::text::bigint WHERE i.id = p_id;
    UPDATE invite_links k SET expires_at = v_now WHERE k.id = p_id;
    PERFORM write_audit(p_actor_id, p_family_id, CASE WHEN user_id IS NULL THEN 'invite_link.revoked' ELSE 'invitation.revoked' END,
      chat_id, p_id::text);
  END IF;
  RETURN NEXT;
END
$$;
