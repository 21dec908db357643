-- Makes a link by whose code people join a chat with p_role. p_right is as of lock_chat_for. Outcomes:
--   created
--   rank       p_role is higher than the actor may give: moderators and members give "member" at most, others their own role. needs is
--              the role that may give it
--   full       p_max_links links of the chat are open
--   and the refusals of lock_chat_for
-- A link is an act of the audit log, invite_link.created.
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION create_invite_link(p_chat_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb, p_id uuid, p_code_hash bytea,
  p_role chat_role, p_expires_at timestamptz, p_max_uses int, p_max_links int)
RETURNS TABLE (outcome text, needs text, created_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
BEGIN
  SELECT l.outcome, l.needs, l.standing INTO outcome, needs, v_standing FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    created_at := clock_timestamp()::timestamptz(3);
    outcome := CASE
      WHEN p_role > 'member' AND v_standing NOT IN ('admin', 'owner') THEN 'rank'
      WHEN (SELECT count(*) FROM (SELECT FROM invite_links k WHERE k.chat_id = p_chat_id AND k.expires_at > created_at
        AND may_still_invite(p_chat_id, k.maker_id, k.role, p_right) LIMIT p_max_links) open)
        >= p_max_links THEN 'full'
      ELSE 'created' END;
    needs := CASE outcome WHEN 'rank' THEN 'owner' END;
  END IF;
  IF outcome = 'created' THEN
    -- Of links that ended long ago nobody remembers the code. One that somebody accepts right now goes another time.
    DELETE FROM invite_links k WHERE k.id IN (
      SELECT o.id FROM invite_links o WHERE o.chat_id = p_chat_id AND o.expires_at < created_at - interval '30 days' LIMIT 100 FOR UPDATE SKIP LOCKED);
    INSERT INTO invite_links (id, chat_id, code_hash, maker_id, role, created_at, expires_at, max_uses)
    VALUES (p_id, p_chat_id, p_code_hash, p_actor_id, p_role, created_at, p_expires_at, p_max_uses);
    PERFORM write_audit(p_actor_id, p_family_id, 'invite_link.created', p_chat_id, p_id::text,
      jsonb_build_object('role', p_role, 'expiresAt', to_char(p_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'maxUses', p_max_uses));
  END IF;
  RETURN NEXT;
END
$$;
