import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamRefused } from '../../support/frame-queue.js';
import { MATRIX } from './matrix.js';
import { type Caller, startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const NAMES: World['ids'] = new Proxy(Object.create(null), { get: (_target, name) => String(name) });
/** Every field that is asked with the id of a chat; over HTTP there are no subscriptions. */
const OF_CHATS = Object.entries(MATRIX).filter(([, { document }]) => {
  const asked = document(NAMES, null);
  return /: \[?"chat"/.test(asked) && !asked.startsWith('subscription');
});

/** Those that tell of a deleted chat what the last members and admins may know: the log, and why it is closed to them. */
const TELLS_OF_DELETED = /chatEvents|explainAccess/;

interface Look {
  answer: unknown;
  /** How many statements it took: they, and not what they find, are the time that it takes. */
  statements: number;
}

/** The fewest of some tries: the service sweeps meanwhile. */
async function look(run: () => Promise<unknown>): Promise<Look> {
  const tries: Look[] = [];
  for (let count = 0; count < 5; count += 1) {
    const before = world.statements();
    const answer = await run();
    tries.push({ answer, statements: world.statements() - before });
  }
  return { answer: tries[0]?.answer, statements: Math.min(...tries.map(({ statements }) => statements)) };
}

/** The answer to the document about this chat, which it does not name. */
async function ask(caller: Caller, document: string, chat: string) {
  const { data, codes } = await world.query(caller, document.replaceAll(world.ids.chat, chat));
  return JSON.parse(JSON.stringify({ data, codes }).replaceAll(chat, 'the chat'));
}

describe('a chat that one may not see looks like none, and takes as many statements', () => {
  it.each(OF_CHATS)('%s', async (_field, { document }) => {
    for (const caller of ['stranger', 'former'] as const) {
      const asked = document(world.ids, world.tokens[caller]);
      const none = await look(() => ask(caller, asked, crypto.randomUUID()));
      expect(await look(() => ask(caller, asked, world.ids.chat)), caller).toEqual(none);
      expect(await look(() => ask(caller, asked, world.ids.ended)), `${caller}, a deleted chat`).toEqual(none);
    }
  });

  it.each(['name', 'externalId'])('by its %s', async (by) => {
    const find = (value: string) => look(() => ask('stranger', `{ chat(${by}: "${value}") { id name } }`, value));
    expect(await find('general')).toEqual(await find('no such chat'));
  });

  it.each(['channel', 'events'] as const)('on a path: %s', async (transport) => {
    const open = (chat: string) =>
      look(async () => {
        const refusal = await world.open('stranger', transport, chat).catch((error: unknown) => error);
        return refusal instanceof StreamRefused ? refusal.status : refusal;
      });
    const none = await open('no such chat');
    expect(none.answer).toBe(404);
    expect(await open('general')).toEqual(none);
    expect(await open(world.ids.chat)).toEqual(await open(crypto.randomUUID()));
  });
});

describe('a deleted chat looks like none to its last members and to admins', () => {
  it.each(OF_CHATS.filter(([, { document }]) => !TELLS_OF_DELETED.test(document(NAMES, null))))(
    '%s',
    async (_field, { document }) => {
      for (const caller of ['member', 'admin'] as const) {
        const asked = document(world.ids, world.tokens[caller]);
        expect(await ask(caller, asked, world.ids.ended), caller).toEqual(
          await ask(caller, asked, crypto.randomUUID()),
        );
      }
    },
  );
});
