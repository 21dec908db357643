-- Deletes the reactions of messages of a chat, for messages that are deleted. The caller has locked the chat's row. Reactions of
-- transactions that are not committed yet are dropped by summarise_reactions, which finds the message deleted.
CREATE OR REPLACE FUNCTION drop_reactions(p_chat_id uuid, p_seqs int[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_seqs int[] := ARRAY(SELECT s FROM unnest(p_seqs) AS s
    WHERE EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = s));
BEGIN
  IF cardinality(v_seqs) > 0 THEN
    PERFORM lock_reactions(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs, true);
    DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = ANY (v_seqs);
  END IF;
END
$$;
