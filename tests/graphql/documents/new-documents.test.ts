import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';
import { RawClient } from '../protocol/raw-client.js';

const BURST = 500;

let services: Awaited<ReturnType<typeof startOwnServices>>;
let graphql: GraphqlApp;
let ann: UserProfile;
let chatId: string;

beforeAll(async () => {
  services = await startOwnServices();
  graphql = await startGraphqlApp(services, { operationsPerSocket: BURST, operationMs: 120_000 });
});
afterAll(async () => {
  await graphql.close();
  await services.close();
});
beforeEach(async () => {
  ann = await services.newUser();
  chatId = (await services.newChat(ann)).id;
});

const clients: RawClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.drop();
});

async function connect(user: UserProfile): Promise<RawClient> {
  const client = await RawClient.signedIn(graphql.url.replace('http', 'ws'), await graphql.newToken(user));
  clients.push(client);
  return client;
}

let documents = 0;

/** A name that no document has had. */
function newName(): string {
  documents += 1;
  return `D${documents}`;
}

/** A document of about 1000 tokens that was never sent, and whose answer is small. */
function newLongDocument(): string {
  const fields = Array.from({ length: 98 }, (_, index) => `a${index}:id@include(if:true)`);
  return `query ${newName()}{me{${fields.join(' ')}}}`;
}

function newSend(content: string): string {
  return `mutation ${newName()} { sendMessage(chatId: "${chatId}", content: "${content}") { seq } }`;
}

async function expectMessages(...expected: string[]): Promise<void> {
  const query = 'query ($chatId: ID!) { messages(chatId: $chatId, last: 100) { content } }';
  const { data } = await graphql.run(query, { chatId }, { token: await graphql.newToken(ann) });
  expect(data).toEqual({ messages: expected.map((content) => ({ content })) });
}

/** Makes ann's next documents wait behind more than a hundred others, on another socket. */
async function queueUp(): Promise<void> {
  const client = await connect(ann);
  for (let id = 0; id < 150; id += 1) client.subscribe(`${id}`, newLongDocument());
  await client.next();
}

/** Asks again and again until `burst` has ended, and returns how long the burst and the slowest answer took, in milliseconds. */
async function slowestDuring(burst: Promise<unknown>, ask: () => Promise<unknown>) {
  const started = performance.now();
  let total = 0;
  const ended = burst.finally(() => {
    total = performance.now() - started;
  });
  // Whoever waits for it below hears of it.
  ended.catch(() => {});
  const answers: number[] = [];
  while (total === 0) {
    const asked = performance.now();
    await ask();
    answers.push(performance.now() - asked);
  }
  await ended;
  return { total, answers: answers.length, slowest: Math.max(...answers) };
}

describe('a burst of documents that were never sent', { timeout: 120_000 }, () => {
  it('over a socket delays nobody else by more than a small part of the time that it takes', async () => {
    const [sender, other] = [await connect(ann), await connect(await services.newUser())];
    const ask = async () => {
      other.subscribe('q', '{ me { username } }');
      expect(await other.next()).toMatchObject({ type: 'next' });
      expect(await other.next()).toEqual({ id: 'q', type: 'complete' });
    };
    await ask();
    for (let id = 0; id < BURST; id += 1) sender.subscribe(`${id}`, newLongDocument());
    const answered = async () => {
      const ids = new Set<unknown>();
      for (let count = 0; count < 2 * BURST; count += 1) {
        const message = await sender.next();
        if (JSON.stringify(message).includes('"a97":')) ids.add(JSON.stringify(message));
      }
      expect(ids.size).toBe(BURST);
    };
    const measured = await slowestDuring(answered(), ask);
    expect(measured.answers).toBeGreaterThan(10);
    expect(measured.slowest).toBeLessThan(measured.total / 4);
  });

  it('over HTTP delays nobody else by more than a small part of the time that it takes', async () => {
    const [token, others] = [await graphql.newToken(ann), await graphql.newToken(await services.newUser())];
    const ask = async () => expect((await graphql.run('{ me { username } }', {}, { token: others })).codes).toEqual([]);
    await ask();
    const burst = Promise.all(
      Array.from({ length: BURST }, async () => {
        const { data } = await graphql.run(newLongDocument(), {}, { token });
        expect(data).toMatchObject({ me: { a97: ann.id } });
      }),
    );
    const measured = await slowestDuring(burst, ask);
    expect(measured.answers).toBeGreaterThan(10);
    expect(measured.slowest).toBeLessThan(measured.total / 4);
  });
});

describe('an operation that waits for its document to be read', { timeout: 60_000 }, () => {
  it('begins before those that were sent after it, whose documents are known', async () => {
    const client = await connect(ann);
    const known = 'mutation ($chatId: ID!) { sendMessage(chatId: $chatId, content: "known") { seq } }';
    const token = await graphql.newToken(ann);
    expect((await graphql.run(known, { chatId }, { token })).codes).toEqual([]);
    await queueUp();
    for (const id of ['1', '2', '3']) client.subscribe(id, newSend(`new ${id}`));
    client.subscribe('4', known, { variables: { chatId } });
    for (let count = 0; count < 8; count += 1) await client.next();
    await expectMessages('known', 'new 1', 'new 2', 'new 3', 'known');
  });

  it('does not run when it is completed first, and its id is free at once', async () => {
    const client = await connect(ann);
    await queueUp();
    const [first, second] = [newSend('completed'), newSend('sent')];
    client.send(
      { type: 'subscribe', id: '1', payload: { query: first } },
      { type: 'complete', id: '1' },
      { type: 'subscribe', id: '1', payload: { query: second } },
    );
    expect(await client.next()).toMatchObject({ id: '1', type: 'next', payload: { data: { sendMessage: {} } } });
    expect(await client.next()).toEqual({ id: '1', type: 'complete' });
    await expectMessages('sent');
  });

  it('has its id to itself: another with it closes with 4409, and neither runs', async () => {
    const client = await connect(ann);
    await queueUp();
    client.subscribe('1', newSend('one'));
    client.subscribe('1', newSend('other'));
    expect((await client.closed).code).toBe(4409);
    await readAfterAll();
    await expectMessages();
  });

  it('does not run when its socket ends, and that is no fault of ours', async () => {
    const client = await connect(ann);
    await queueUp();
    for (let id = 0; id < 20; id += 1) client.subscribe(`${id}`, newSend('late'));
    client.send('{');
    expect((await client.closed).code).toBe(4400);
    await readAfterAll();
    await expectMessages();
    expect(graphql.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it('does not run over HTTP when who sent it has gone', async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await graphql.newToken(ann)}` };
    await queueUp();
    const leaving = new AbortController();
    const body = JSON.stringify({ query: newSend('gone') });
    const arrived = once(graphql.app.server, 'request');
    const sent = fetch(graphql.url, { method: 'POST', headers, body, signal: leaving.signal });
    await arrived;
    leaving.abort();
    await expect(sent).rejects.toThrow();
    await readAfterAll();
    await expectMessages();
    expect(graphql.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});

/** Resolves when all that ann has sent was read: her turns come in order. */
async function readAfterAll(): Promise<void> {
  const { codes } = await graphql.run(`query ${newName()} { me { id } }`, {}, { token: await graphql.newToken(ann) });
  expect(codes).toEqual([]);
}
