-- Writes one act to the audit log, as write_audit_entries, whose rules hold here too: it is the last thing of its transaction.
--   p_actor_id, p_family_id   who acts, and by which sign-in, whose client the entry names; null for an operator
--   p_action                  the type of the chat's event where there is one: member.removed, chat.updated
--   p_chat_id                 the chat that the act is about; null for none
--   p_target                  the id of what the act was done to: a user, a message, a client
--   p_data                    what else there is to say: ids, numbers, times, names of choices, and never what somebody wrote
--   p_reason                  the actor's words, which may be erased later; null for none
CREATE OR REPLACE FUNCTION write_audit(p_actor_id uuid, p_family_id uuid, p_action text, p_chat_id uuid, p_target text,
  p_data jsonb DEFAULT '{}', p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM write_audit_entries(jsonb_build_array(jsonb_build_object(
    'actor', p_actor_id, 'client', (SELECT f.client_id FROM token_families f WHERE f.id = p_family_id), 'action', p_action,
    'chat', p_chat_id, 'target', p_target, 'data', p_data, 'reason', p_reason)));
END
$$;
