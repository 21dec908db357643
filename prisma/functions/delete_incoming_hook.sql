-- Deletes an incoming hook, whose address then leads nowhere. p_right is as of access_refusal.
-- Outcomes:
--   deleted    the hook is gone
--   no_hook    there was none
--   and the refusals of lock_chat_for
CREATE OR REPLACE FUNCTION delete_incoming_hook(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS text
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
DECLARE
  v_hook incoming_hooks;
  v_outcome text;
BEGIN
  SELECT * INTO v_hook FROM incoming_hooks h WHERE h.id = p_id;
  IF NOT FOUND THEN
    RETURN 'no_hook';
  END IF;
  SELECT l.outcome INTO v_outcome FROM lock_chat_for(v_hook.chat_id, p_actor_id, p_family_id, p_right) l;
  IF v_outcome <> 'locked' THEN
    RETURN v_outcome;
  END IF;
  DELETE FROM incoming_hooks h WHERE h.id = p_id;
  IF NOT FOUND THEN
    RETURN 'no_hook';
  END IF;
  PERFORM write_audit(p_actor_id, p_family_id, 'hook.deleted', v_hook.chat_id, p_id::text, jsonb_build_object('bot', v_hook.bot_id));
  RETURN 'deleted';
END
$$;
