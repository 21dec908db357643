-- Deletes the reactions of messages of a chat, for messages that are deleted. The caller has locked the chat's row. Reactions of
-- transactions that are not committed yet are dropped by summarise_reactions, which finds the message deleted.
CREATE OR REPLACE FUNCTION drop_reactions(p_chat_id uuid, p_seqs int[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_seq int;
  v_seqs int[] := '{}';
BEGIN
  -- One by one, here and below: a plan for several numbers may read the reactions of the whole chat.
  FOREACH v_seq IN ARRAY p_seqs LOOP
    IF EXISTS (SELECT 1 FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq) THEN
      v_seqs := v_seqs || v_seq;
    END IF;
  END LOOP;
  IF cardinality(v_seqs) > 0 THEN
    PERFORM lock_reactions(array_fill(p_chat_id, ARRAY[cardinality(v_seqs)]), v_seqs, true);
    FOREACH v_seq IN ARRAY v_seqs LOOP
      DELETE FROM reactions r WHERE r.chat_id = p_chat_id AND r.seq = v_seq;
    END LOOP;
  END IF;
END
$$;
