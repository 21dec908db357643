-- A check of a foreign key looked messages up by the first column of this index, and so read all messages of the chat for each reply,
-- edit or reaction, when its plan was made while there were few.

-- DropIndex
DROP INDEX "messages_chat_id_sender_id_nonce_key";

-- CreateIndex
CREATE UNIQUE INDEX "messages_sender_id_chat_id_nonce_key" ON "messages"("sender_id", "chat_id", "nonce");
