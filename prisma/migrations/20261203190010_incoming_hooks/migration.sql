-- CreateTable
CREATE TABLE "incoming_hooks" (
    "id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "bot_id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "incoming_hooks_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "incoming_hooks_token_hash_key" ON "incoming_hooks"("token_hash");

-- CreateIndex
CREATE INDEX "incoming_hooks_chat_id_created_at_idx" ON "incoming_hooks"("chat_id", "created_at");

-- CreateIndex
CREATE INDEX "incoming_hooks_bot_id_idx" ON "incoming_hooks"("bot_id");

-- AddForeignKey
ALTER TABLE "incoming_hooks" ADD CONSTRAINT "incoming_hooks_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "incoming_hooks" ADD CONSTRAINT "incoming_hooks_bot_id_fkey" FOREIGN KEY ("bot_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Makes an incoming hook, by which other programs post messages of a bot to a chat. p_right is as of access_refusal.
-- Outcomes:
--   created      the hook is there
--   no_bot       p_bot_id is no active bot, or no member of the chat
--   bot_admin    the bot is an admin: only an admin lends its name
--   full         the chat has p_max hooks
--   and the refusals of lock_chat_for
-- The function waits at most 1 s for the chat's row, then fails with SQLSTATE 55P03 and writes nothing.
CREATE OR REPLACE FUNCTION create_incoming_hook(p_id uuid, p_token_hash bytea, p_chat_id uuid, p_actor_id uuid, p_family_id uuid,
  p_right jsonb, p_bot_id uuid, p_max int)
RETURNS TABLE (outcome text, created_at timestamptz)
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
#variable_conflict use_column
DECLARE
  v_standing text;
  v_bot_role user_role;
BEGIN
  SELECT l.outcome, l.standing INTO outcome, v_standing
  FROM lock_chat_for(p_chat_id, p_actor_id, p_family_id, p_right) l;
  IF outcome = 'locked' THEN
    SELECT u.role INTO v_bot_role FROM users u WHERE u.id = p_bot_id AND u.kind = 'bot' AND u.is_active;
    outcome := CASE
      WHEN NOT FOUND OR member_role(p_chat_id, p_bot_id) IS NULL THEN 'no_bot'
      WHEN v_bot_role = 'admin' AND v_standing <> 'admin' THEN 'bot_admin'
      WHEN (SELECT count(*) FROM incoming_hooks h WHERE h.chat_id = p_chat_id) >= p_max THEN 'full'
      ELSE 'created' END;
  END IF;
  IF outcome = 'created' THEN
    INSERT INTO incoming_hooks AS h (id, token_hash, chat_id, bot_id) VALUES (p_id, p_token_hash, p_chat_id, p_bot_id)
    RETURNING h.created_at INTO created_at;
    PERFORM write_audit(p_actor_id, p_family_id, 'hook.created', p_chat_id, p_id::text, jsonb_build_object('bot', p_bot_id));
  END IF;
  RETURN NEXT;
END
$$;

-- Deletes an incoming hook, whose address then leads nowhere. p_right is as of access_refusal.
-- Outcomes:
--   deleted    the hook is gone
--   no_hook    there was none
--   and the refusals of lock_chat_for
CREATE OR REPLACE FUNCTION delete_incoming_hook(p_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
RETURNS text
LANGUAGE plpgsql
SET lock_timeout = 1000
AS $$
DECLARE
  v_hook incoming_hooks;
  v_outcome text;
BEGIN
  SELECT * INTO v_hook FROM incoming_hooks h WHERE h.id = p_id;
  IF NOT FOUND THEN
    RETURN 'no_hook';
  END IF;
  SELECT l.outcome INTO v_outcome FROM lock_chat_for(v_hook.chat_id, p_actor_id, p_family_id, p_right) l;
  IF v_outcome <> 'locked' THEN
    RETURN v_outcome;
  END IF;
  DELETE FROM incoming_hooks h WHERE h.id = p_id;
  IF NOT FOUND THEN
    RETURN 'no_hook';
  END IF;
  PERFORM write_audit(p_actor_id, p_family_id, 'hook.deleted', v_hook.chat_id, p_id::text, jsonb_build_object('bot', v_hook.bot_id));
  RETURN 'deleted';
END
$$;
