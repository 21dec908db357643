-- Returns those of these users who have not blocked p_by: a mention by somebody whom they blocked brings them no notice, and so makes
-- them follow no thread.
CREATE OR REPLACE FUNCTION without_blockers(p_user_ids uuid[], p_by uuid)
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
  v_user_id uuid;
  v_others uuid[] := '{}';
BEGIN
  -- One by one, by the primary key: a plan for several users may read all blocks.
  FOREACH v_user_id IN ARRAY p_user_ids LOOP
    IF NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = v_user_id AND b.blocked_id = p_by) THEN
      v_others := v_others || v_user_id;
    END IF;
  END LOOP;
  RETURN v_others;
END
$$;
