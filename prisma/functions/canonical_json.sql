-- Returns a JSON value as RFC 8785 writes it: no spaces, and the members of objects in the order of their names. PostgreSQL escapes
-- strings as the RFC does. Names are ASCII letters, digits and _ . -, so that their order is that of their bytes, and numbers are
-- whole ones that a double holds; anything else is refused.
-- https://www.rfc-editor.org/rfc/rfc8785
CREATE OR REPLACE FUNCTION canonical_json(p_value jsonb)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
  v_kind text := jsonb_typeof(p_value);
  v_number numeric;
BEGIN
  IF v_kind = 'object' THEN
    IF EXISTS (SELECT FROM jsonb_object_keys(p_value) AS k (name) WHERE k.name !~ '^[A-Za-z0-9_.-]+$') THEN
      RAISE EXCEPTION 'a name in canonical JSON has other characters than letters, digits and _ . -';
    END IF;
    RETURN '{' || coalesce((SELECT string_agg(to_json(e.key)::text || ':' || canonical_json(e.value), ',' ORDER BY e.key COLLATE "C")
      FROM jsonb_each(p_value) e), '') || '}';
  ELSIF v_kind = 'array' THEN
    RETURN '[' || coalesce((SELECT string_agg(canonical_json(e.value), ',' ORDER BY e.place)
      FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e (value, place)), '') || ']';
  ELSIF v_kind = 'number' THEN
    v_number := p_value::numeric;
    IF v_number <> trunc(v_number) OR abs(v_number) > 9007199254740991 THEN
      RAISE EXCEPTION 'a number in canonical JSON is not a whole one that a double holds: %', v_number;
    END IF;
    RETURN trunc(v_number)::text;
  END IF;
  RETURN coalesce(p_value::text, 'null');
END
$$;
