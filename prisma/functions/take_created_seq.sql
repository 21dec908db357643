-- Gives each new user and each new chat the next number of its table. The number orders lists.
--
-- A lock is held until COMMIT, so numbers become visible in their order, and a client that pages by number misses no row. A
-- sequence alone does not guarantee that. A row that is inserted with a number (from a backup) keeps it.
-- The function waits at most 1 s for the lock; then the INSERT fails with SQLSTATE 55P03.
CREATE OR REPLACE FUNCTION take_created_seq() RETURNS trigger
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
BEGIN
  IF NEW.created_seq = 0 THEN
    PERFORM pg_advisory_xact_lock(72707373, TG_RELID::int);
    NEW.created_seq := nextval(TG_ARGV[0]::regclass);
  END IF;
  RETURN NEW;
END; $$;

CREATE OR REPLACE TRIGGER take_created_seq BEFORE INSERT ON users
FOR EACH ROW EXECUTE FUNCTION take_created_seq('users_created_seq');

CREATE OR REPLACE TRIGGER take_created_seq BEFORE INSERT ON chats
FOR EACH ROW EXECUTE FUNCTION take_created_seq('chats_created_seq');
