-- Locks a chat's row until COMMIT, and checks that the user is an admin or has at least the role p_needs there; in a direct chat, that
-- the user has the role. Outcomes:
--   locked                 the user may go on
--   no_chat                there is no such chat
--   outsider, signed_out   as of chat_standing
--   role                   the user's role is lower than p_needs
-- The user's own rows are locked first, as in every statement on an admin's word: whoever waits for them holds up no chat.
-- p_family_id is null for an operator, who may do everything. standing is 'admin' for admins and operators, otherwise the result of
-- chat_standing.
CREATE OR REPLACE FUNCTION lock_chat_for(p_chat_id uuid, p_user_id uuid, p_family_id uuid, p_needs chat_role)
RETURNS TABLE (outcome text, epoch text, standing text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
  standing := CASE WHEN p_family_id IS NULL THEN 'admin' ELSE chat_standing(p_chat_id, p_user_id, p_family_id) END;
  -- Once before the chat's row is locked, and once more when the role can change no more.
  FOR i IN 1 .. 2 LOOP
    outcome := CASE
      WHEN standing = 'admin' THEN 'locked'
      WHEN standing IN ('outsider', 'signed_out') THEN standing
      WHEN standing::chat_role < p_needs THEN 'role'
      ELSE 'locked' END;
    EXIT WHEN outcome <> 'locked' OR i = 2;
    SELECT c.epoch INTO epoch FROM chats c WHERE c.id = p_chat_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      outcome := 'no_chat';
      EXIT;
    END IF;
    IF standing <> 'admin' THEN
      standing := coalesce(member_role(p_chat_id, p_user_id)::text, 'outsider');
    END IF;
  END LOOP;
  RETURN NEXT;
END
$$;
