-- Makes users follow a thread, also those who stopped to. p_read_seq is the marker of those who never did; others keep theirs.
CREATE OR REPLACE FUNCTION follow_thread(p_chat_id uuid, p_root_seq int, p_user_ids uuid[], p_read_seq int)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO thread_follows AS f (user_id, chat_id, root_seq, read_seq, mark)
  SELECT DISTINCT followed.user_id, p_chat_id, p_root_seq, p_read_seq, pg_current_xact_id()::text::bigint
  FROM unnest(p_user_ids) AS followed (user_id)
  ORDER BY 1
  ON CONFLICT (user_id, chat_id, root_seq) DO UPDATE SET following = true, mark = excluded.mark WHERE NOT f.following;
END
$$;
