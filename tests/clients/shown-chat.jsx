// A page of an application, which a test bundles for a browser: one chat and the number of unread messages, by the hooks.
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createChatClient } from '../../clients/typescript/src/client.js';
import { useInbox, useRoom } from '../../clients/typescript/src/react.js';

function Room({ chat, chatId }) {
  const { messages, pending } = useRoom(chat, chatId);
  const [draft, setDraft] = useState('');
  const send = (event) => {
    event.preventDefault();
    void chat.room(chatId).send(draft);
    setDraft('');
  };
  return (
    <form onSubmit={send}>
      <ol>
        {[...messages, ...pending].map(({ nonce, id = nonce, content }) => (
          <li key={id}>{content}</li>
        ))}
      </ol>
      <input value={draft} onChange={({ target }) => setDraft(target.value)} />
    </form>
  );
}

function Unread({ chat }) {
  return <output>{useInbox(chat).unread.messages}</output>;
}

const { url, token, chatId } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const chat = createChatClient({ url, token: async () => token });
createRoot(document.getElementById('app')).render(
  <StrictMode>
    <Room chat={chat} chatId={chatId} />
    <Unread chat={chat} />
  </StrictMode>,
);
