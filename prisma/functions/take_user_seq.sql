-- Copies users.created_seq into a new membership: members are listed in the order in which the users were created.
CREATE OR REPLACE FUNCTION take_user_seq() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF NEW.user_seq = 0 THEN
    -- Of no user: the foreign key refuses it.
    NEW.user_seq := coalesce((SELECT created_seq FROM users WHERE id = NEW.user_id), 0);
  END IF;
  RETURN NEW;
END; $$;

CREATE OR REPLACE TRIGGER take_user_seq BEFORE INSERT ON chat_memberships
FOR EACH ROW EXECUTE FUNCTION take_user_seq();
