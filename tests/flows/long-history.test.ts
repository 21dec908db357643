import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ChatSocket } from '../../src/plugins/websocket/chat-socket.js';
import { writeHistory } from '../support/history.js';
import { range } from '../support/recorder.js';
import { type Service, startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let service: Service;
let admin: string;

beforeAll(async () => {
  // Who does not read for a while is to stay, however slow the machine is.
  team = await startTeam(1, {}, { webSocket: { stallMs: 120_000 } });
  service = team.first;
  admin = await team.signIn('admin');
});

afterAll(() => team.close());

const HISTORY = 100_000;
/** An event costs ten times as much over GraphQL, so that listener comes in so far before the end. */
const BEFORE_THE_END = 20_000;
const PAGE = 256;
const SUBSCRIPTION =
  'subscription ($id: ID!, $after: String!) { chatEvents(chatId: $id, after: $after) { seq ... on MessageCreated { message { content } } } }';
const SEND = 'mutation ($id: ID!) { sendMessage(chatId: $id, content: "meanwhile") { seq } }';

it('a history of 100,000 changes goes through both transports into what is written meanwhile; who does not read stops the reading of the log', async () => {
  const { data } = await service.query(admin, 'mutation { createChat(name: "long") { id cursor } }');
  const { me } = Object((await service.query(admin, '{ me { id } }')).data);
  const { id, cursor } = Object(data).createChat;
  await writeHistory(service.app.db.pool, id, { senderId: me.id, count: HISTORY, length: 200 });
  const pages = vi.spyOn(service.app.services.chatLog, 'page');
  let sends = 0;
  const send = async (count: number) => {
    await Promise.all(range(1, count).map(() => service.query(admin, SEND, { id })));
    sends += count;
  };

  const raw = await service.channel(admin, 'long', { after: cursor });
  raw.socket.pause();
  const [server] = service.app.websocketServer.clients;
  if (!(server instanceof ChatSocket)) throw new Error('Not our class of socket.');
  await expect.poll(() => server.hasRoom, { timeout: 120_000 }).toBe(false);
  await expect.poll(() => pages.mock.results.every(({ type }) => type === 'return')).toBe(true);
  const read = pages.mock.calls.length;
  await send(50);
  expect(pages.mock.calls.length).toBe(read);
  // A few mebibytes are in the kernel's buffers, one in ours.
  expect(read * PAGE).toBeLessThan(HISTORY / 2);
  raw.socket.resume();

  const start = HISTORY - BEFORE_THE_END;
  const after = cursor.replace(/\d+$/, String(start));
  const subscription = service.subscribe(admin, SUBSCRIPTION, { id, after });
  let isLive = false;
  void raw.next('live').then(() => {
    isLive = true;
  });
  while (!isLive) await send(20);
  const events = await subscription.until(BEFORE_THE_END + sends);
  expect(events.length).toBe(BEFORE_THE_END + sends);
  expect(events.findIndex((event, index) => Object(event).chatEvents.seq !== start + index + 1)).toBe(-1);
  await expect.poll(() => raw.frames.at(-1)?.seq, { timeout: 120_000 }).toBe(HISTORY + sends);
  const heard = raw.frames.filter((frame) => frame.type === 'message.created');
  expect(heard.length).toBe(HISTORY + sends);
  expect(heard.findIndex((frame, index) => frame.seq !== index + 1)).toBe(-1);
  subscription.end();
  await raw.close();
}, 300_000);
