-- What a message has in its life: edits, deletion, replies and threads, reactions, pins, mentions, metadata. A plain message has no
-- row in any of these tables, and its flags are 0.

-- CreateTable
CREATE TABLE "message_extras" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "revision" SMALLINT NOT NULL DEFAULT 0,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),
    "deleted_by_id" UUID,
    "reply_to_seq" INTEGER,
    "thread_root_seq" INTEGER,
    "also_in_chat" BOOLEAN NOT NULL DEFAULT false,
    "mention_all" BOOLEAN NOT NULL DEFAULT false,
    "metadata" JSONB,
    "reactions" JSONB,
    "pinned_at" TIMESTAMPTZ(3),
    "pinned_by_id" UUID,

    CONSTRAINT "message_extras_pkey" PRIMARY KEY ("chat_id","seq")
);

-- CreateTable
CREATE TABLE "message_revisions" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "revision" SMALLINT NOT NULL,
    "content" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "editor_id" UUID NOT NULL,

    CONSTRAINT "message_revisions_pkey" PRIMARY KEY ("chat_id","seq","revision")
);

-- CreateTable
CREATE TABLE "mentions" (
    "user_id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "at_seq" INTEGER NOT NULL,
    "message_seq" INTEGER NOT NULL,
    "place" SMALLINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "mentions_pkey" PRIMARY KEY ("user_id","chat_id","at_seq","message_seq")
);

-- CreateTable
CREATE TABLE "threads" (
    "chat_id" UUID NOT NULL,
    "root_seq" INTEGER NOT NULL,
    "root_id" UUID NOT NULL,
    "reply_count" INTEGER NOT NULL DEFAULT 0,
    "last_reply_seq" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "threads_pkey" PRIMARY KEY ("chat_id","root_seq")
);

-- CreateTable
CREATE TABLE "thread_follows" (
    "user_id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "root_seq" INTEGER NOT NULL,
    "following" BOOLEAN NOT NULL DEFAULT true,
    "read_seq" INTEGER NOT NULL DEFAULT 0,
    "mark" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "thread_follows_pkey" PRIMARY KEY ("user_id","chat_id","root_seq")
);

-- CreateTable
CREATE TABLE "reactions" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "emoji" VARCHAR(64) NOT NULL,
    "user_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reactions_pkey" PRIMARY KEY ("chat_id","seq","emoji","user_id")
);

-- CreateTable
CREATE TABLE "reaction_dirty" (
    "chat_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "n" BIGINT NOT NULL DEFAULT 1,

    CONSTRAINT "reaction_dirty_pkey" PRIMARY KEY ("chat_id","seq")
);

-- CreateIndex
CREATE INDEX "mentions_chat_id_message_seq_idx" ON "mentions"("chat_id", "message_seq");

-- CreateIndex
CREATE INDEX "mentions_user_id_at_idx" ON "mentions"("user_id", "at");

-- CreateIndex
CREATE INDEX "threads_chat_id_last_reply_seq_idx" ON "threads"("chat_id", "last_reply_seq");

-- CreateIndex
CREATE INDEX "thread_follows_chat_id_root_seq_idx" ON "thread_follows"("chat_id", "root_seq");

-- The replies of a thread, the pins of a chat, and the messages that mention everybody. Other messages are in none of them.
CREATE INDEX message_extras_thread_idx ON message_extras (chat_id, thread_root_seq, seq) WHERE thread_root_seq IS NOT NULL;
CREATE INDEX message_extras_pins_idx ON message_extras (chat_id, pinned_at, seq) WHERE pinned_at IS NOT NULL;
CREATE INDEX message_extras_mention_all_idx ON message_extras (chat_id, seq) WHERE mention_all;

-- Finds messages of before ids ended in their numbers. No new message enters it.
CREATE UNIQUE INDEX messages_unmarked_id_key ON messages (id) WHERE mark = 0;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_deleted_by_id_fkey" FOREIGN KEY ("deleted_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_extras" ADD CONSTRAINT "message_extras_pinned_by_id_fkey" FOREIGN KEY ("pinned_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_editor_id_fkey" FOREIGN KEY ("editor_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mentions" ADD CONSTRAINT "mentions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mentions" ADD CONSTRAINT "mentions_chat_id_message_seq_fkey" FOREIGN KEY ("chat_id", "message_seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "threads" ADD CONSTRAINT "threads_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "thread_follows" ADD CONSTRAINT "thread_follows_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "thread_follows" ADD CONSTRAINT "thread_follows_chat_id_root_seq_fkey" FOREIGN KEY ("chat_id", "root_seq") REFERENCES "threads"("chat_id", "root_seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_chat_id_seq_fkey" FOREIGN KEY ("chat_id", "seq") REFERENCES "messages"("chat_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Returns what every member of a chat may see of a user (src/domain/profile.ts); null for no user.
CREATE OR REPLACE FUNCTION profile_as_json(u users)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT CASE WHEN (u).id IS NOT NULL THEN jsonb_build_object('id', (u).id, 'username', (u).username, 'firstName', (u).first_name,
    'lastName', (u).last_name, 'role', (u).role, 'dateJoined', (u).date_joined) END
$$;

-- Returns the messages with these chats and numbers, as src/domain/log/message-rows.ts reads them. extras is null for a plain message.
CREATE OR REPLACE FUNCTION messages_as_json(p_chat_ids uuid[], p_seqs int[])
RETURNS TABLE (chat_id uuid, message jsonb, extras jsonb)
LANGUAGE sql
STABLE
AS $$
  SELECT m.chat_id,
    jsonb_build_object('id', m.id, 'seq', m.seq, 'content', m.content, 'nonce', m.nonce, 'createdAt', m.created_at,
      'sender', profile_as_json(u)),
    CASE WHEN m.flags <> 0 THEN jsonb_strip_nulls(jsonb_build_object(
      'revision', x.revision,
      'editedAt', x.edited_at,
      'deletedAt', x.deleted_at,
      'replyTo', (SELECT jsonb_build_object('id', r.id, 'seq', r.seq) FROM messages r
        WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq),
      'thread', (SELECT jsonb_build_object('rootId', t.root_id, 'rootSeq', t.root_seq, 'alsoInChat', x.also_in_chat)
        FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq),
      'hasThread', m.flags & 4 <> 0,
      'mentions', (SELECT jsonb_agg(profile_as_json(named) ORDER BY n.place) FROM mentions n JOIN users named ON named.id = n.user_id
        WHERE n.chat_id = m.chat_id AND n.message_seq = m.seq),
      'mentionsAll', x.mention_all,
      'reactions', x.reactions,
      'pinnedAt', x.pinned_at,
      'pinnedBy', (SELECT profile_as_json(p) FROM users p WHERE p.id = x.pinned_by_id)))
      -- Behind the rest, whose nulls are left out: those in a client's object stay.
      || CASE WHEN x.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', x.metadata) END
    END
  FROM unnest(p_chat_ids, p_seqs) AS wanted (chat_id, seq)
  JOIN messages m ON m.chat_id = wanted.chat_id AND m.seq = wanted.seq
  JOIN users u ON u.id = m.sender_id
  LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
$$;

-- Returns the number of a chat's message by its id; null when the chat has no such message. The last 8 hexadecimal digits of an id are
-- the number (append_messages). Ids of before there were marks end otherwise, and have an index of their own.
CREATE OR REPLACE FUNCTION message_seq_of(p_chat_id uuid, p_id uuid)
RETURNS int
LANGUAGE sql
STABLE
AS $$
  SELECT coalesce(
    (SELECT m.seq FROM messages m
      WHERE m.chat_id = p_chat_id AND m.seq = ('x' || right(p_id::text, 8))::bit(32)::int AND m.id = p_id),
    (SELECT m.seq FROM messages m WHERE m.id = p_id AND m.chat_id = p_chat_id AND m.mark = 0))
$$;
