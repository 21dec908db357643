// The shop's page. Your product imports the client library from '@chat-api/client'.
import { ChatError, createChatClient } from '../../clients/typescript/src/client.js';

const element = (id) => document.getElementById(id);

const response = await fetch('/chat');
if (response.ok) openChat(await response.json());
else element('sign-in').hidden = false;

function openChat({ url, chatId, username }) {
  const chat = createChatClient({ url, token: fetchToken });
  const room = chat.room(chatId);
  room.subscribe(() => show(room.get()));

  element('send').addEventListener('submit', (event) => {
    event.preventDefault();
    const { content } = event.target.elements;
    room.send(content.value).catch(showProblem);
    content.value = '';
  });
  element('username').textContent = username;
  element('chat').hidden = false;
}

async function fetchToken() {
  const response = await fetch('/chat/token', { method: 'POST' });
  if (response.status === 401) throw new ChatError('UNAUTHENTICATED', 'Sign in first.');
  if (!response.ok) throw new Error(`The shop answered ${response.status}.`);
  return (await response.json()).token;
}

function show({ messages, pending, error }) {
  const sent = messages.filter(({ deletedAt }) => deletedAt === null);
  const lines = [
    ...sent.map(({ sender, content }) => line(`${sender.username}: ${content}`, 'sent')),
    ...pending.map(({ content, status }) => line(content, status)),
  ];
  element('messages').replaceChildren(...lines);
  if (error) showProblem(error);
}

function line(text, className) {
  const item = document.createElement('li');
  item.textContent = text;
  item.className = className;
  return item;
}

function showProblem({ message }) {
  element('problem').textContent = message;
}

element('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ username: event.submitter.value });
  await fetch('/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  location.reload();
});

element('sign-out').addEventListener('click', async () => {
  await fetch('/session', { method: 'DELETE' });
  location.reload();
});
