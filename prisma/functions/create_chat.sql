-- Makes a group chat. A creator who is no admin becomes its owner, by the event member.added with the number 1; p_by_users says whether
-- such a user may. p_family_id is null for an operator. p_given has name, nameKey, epoch, externalId, visibility, topic and metadata.
-- Outcomes:
--   created      chat_id, at: the chat and when it was made; is_owner: whether the creator is its owner
--   signed_out   the user is not active, or the sign-in has ended
--   no_admin     the creator is no admin: chats are made by admins alone, or an external id was given, which they alone give
-- A name or an external id that another chat has is a unique violation.
CREATE OR REPLACE FUNCTION create_chat(p_id uuid, p_user_id uuid, p_family_id uuid, p_by_users boolean, p_given jsonb)
RETURNS TABLE (outcome text, at timestamptz, is_owner boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_role user_role := 'admin';
  v_mark bigint;
BEGIN
  IF p_family_id IS NOT NULL THEN
    v_role := lock_sign_in(p_user_id, p_family_id);
  END IF;
  outcome := CASE
    WHEN v_role IS NULL THEN 'signed_out'
    WHEN v_role <> 'admin' AND (NOT p_by_users OR p_given ->> 'externalId' IS NOT NULL) THEN 'no_admin'
    ELSE 'created' END;
  IF outcome = 'created' THEN
    at := clock_timestamp()::timestamptz(3);
    is_owner := v_role <> 'admin';
    INSERT INTO chats (id, name, name_key, epoch, external_id, visibility, topic, metadata, created_at)
    VALUES (p_id, p_given ->> 'name', p_given ->> 'nameKey', p_given ->> 'epoch', p_given ->> 'externalId',
      (p_given ->> 'visibility')::visibility, p_given ->> 'topic', nullif(p_given -> 'metadata', 'null'), at);
    IF is_owner THEN
      SELECT n.mark INTO v_mark FROM take_number(p_id) n;
      INSERT INTO chat_memberships (chat_id, user_id, joined_at, joined_seq, joined_mark, role)
      VALUES (p_id, p_user_id, at, 1, v_mark, 'owner');
      INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, created_at)
      VALUES (p_id, 1, v_mark, 'member.added', p_user_id, p_user_id, at);
      PERFORM count_members(p_id, 1);
    END IF;
  END IF;
  RETURN NEXT;
END
$$;
