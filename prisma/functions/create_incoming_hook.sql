-- Makes an incoming hook, by which other programs post messages of a bot to a chat. p_right is as of access_refusal.
-- Outcomes:
--   created      the hook is there
--   no_bot       p_bot_id is no active bot, or no member of the chat
--   bot_admin    the bot is an admin: only an admin lends its name
--   full         the chat has p_max hooks
--   and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION create_incoming_hook(p_id uuid, p_token_hash bytea, p_chat_id uuid, p_actor_id uuid, p_family_id uuid,
  p_right jsonb, p_bot_id uuid, p_max int)
RETURNS TABLE (outcome text, created_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_bot_role user_role;
BEGIN
  SELECT l.outcome, l.standing INTO outcome, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    SELECT u.role INTO v_bot_role FROM users u WHERE u.id = p_bot_id AND u.kind = 'bot' AND u.is_active;
    outcome := CASE
      WHEN NOT FOUND OR member_role(p_chat_id, p_bot_id) IS NULL THEN 'no_bot'
      WHEN v_bot_role = 'admin' AND v_standing <> 'admin' THEN 'bot_admin'
      WHEN (SELECT count(*) FROM incoming_hooks h WHERE h.chat_id = p_chat_id) >= p_max THEN 'full'
      ELSE 'created' END;
  END IF;
  IF outcome = 'created' THEN
    INSERT INTO incoming_hooks AS h (id, token_hash, chat_id, bot_id) VALUES (p_id, p_token_hash, p_chat_id, p_bot_id)
    RETURNING h.created_at INTO created_at;
    PERFORM write_audit(p_actor_id, p_family_id, 'hook.created', p_chat_id, p_id::text, jsonb_build_object('bot', p_bot_id));
  END IF;
  RETURN NEXT;
END
$$;
