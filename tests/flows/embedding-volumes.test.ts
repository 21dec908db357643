import { once } from 'node:events';
import pg from 'pg';
import { expect, it } from 'vitest';
import { emptyInstallation } from '../support/built-service.js';
import { freePort } from '../support/free-port.js';
import { PASSWORD } from '../support/services.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

const SIZES = {
  postgres: { users: 10_000, chats: 1000 },
  /** It has one connection, and takes ten times as long for each change. */
  embedded: { users: 500, chats: 50 },
};
const MEMBERS = 10;
/** Users and chats of one call. */
const PAGE = 100;
/** As many operations as one user runs at once. */
const AT_ONCE = 4;
const CLIENT = { client_id: 'volumes', client_secret: 'the-secret-of-the-volumes-client' };

const UPSERT_USERS = 'mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { id } }';
const UPSERT_CHATS = 'mutation ($chats: [ChatInput!]!) { upsertChats(chats: $chats) { id } }';
const SET_MEMBERS =
  'mutation ($chatId: ID!, $members: [MemberInput!]!) { setChatMembers(chatId: $chatId, exactly: $members) { role } }';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const pages = (count: number) => range(Math.ceil(count / PAGE)).map((page) => page * PAGE);

/** The service as its operator starts it, by its address alone. */
async function startProduct() {
  const installation = await emptyInstallation();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  let token = '';
  const gql = async <Data>(query: string, variables: object = {}): Promise<Data> => {
    const response = await fetch(`${origin}/graphql/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = JSON.parse(await response.text());
    if (errors?.length > 0) throw new Error(JSON.stringify(errors[0]));
    return data;
  };
  return {
    gql,
    databaseUrl: installation.databaseUrl,
    /** Starts the service, or starts it again. Returns how to kill it. */
    async start() {
      const service = installation.start(port, 'ignore', {
        ADMIN_PASSWORD: PASSWORD,
        OAUTH_CLIENT_ID: CLIENT.client_id,
        OAUTH_CLIENT_SECRET: CLIENT.client_secret,
      });
      await waitUntil('The service answers', 60_000, async () => (await fetch(`${origin}/readyz`)).ok);
      const form = { grant_type: 'password', username: 'admin', password: PASSWORD, ...CLIENT };
      const response = await fetch(`${origin}/oauth/token/`, { method: 'POST', body: new URLSearchParams(form) });
      token = JSON.parse(await response.text()).access_token;
      return async () => {
        const exited = once(service, 'exit');
        service.kill('SIGKILL');
        await exited;
      };
    },
  };
}

type Product = Awaited<ReturnType<typeof startProduct>>;

/** Runs the calls, some at once, and stops at the first error. */
async function runAll(calls: readonly (() => Promise<unknown>)[], onAnswer: () => void): Promise<void> {
  const waiting = [...calls];
  const work = async () => {
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      await call();
      onAnswer();
    }
  };
  await Promise.all(range(AT_ONCE).map(work));
}

/** What a product brings: its users, then its chats, then who is in them. */
async function bring(
  { gql }: Product,
  { users, chats }: { users: number; chats: number },
  onAnswer?: (count: number) => void,
) {
  let answered = 0;
  const told = () => {
    answered += 1;
    onAnswer?.(answered);
  };
  const userAt = (index: number) => ({ externalId: `c-${index}`, username: `c-${index}`, firstName: `First ${index}` });
  await runAll(
    pages(users).map((from) => () => gql(UPSERT_USERS, { users: range(PAGE).map((index) => userAt(from + index)) })),
    told,
  );
  const ids: string[] = [];
  await runAll(
    pages(chats).map((from) => async () => {
      const numbers = range(Math.min(PAGE, chats - from)).map((index) => from + index);
      const given = numbers.map((number) => ({ externalId: `o-${number}`, name: `Order ${number}` }));
      const { upsertChats } = await gql<{ upsertChats: { id: string }[] }>(UPSERT_CHATS, { chats: given });
      for (const [index, { id }] of upsertChats.entries()) ids[from + index] = id;
    }),
    told,
  );
  const memberAt = (chat: number, index: number) => ({
    externalId: `c-${(chat * MEMBERS + index) % users}`,
    role: index === 0 ? 'owner' : 'member',
  });
  await runAll(
    ids.map(
      (chatId, chat) => () =>
        gql(SET_MEMBERS, { chatId, members: range(MEMBERS).map((index) => memberAt(chat, index)) }),
    ),
    told,
  );
}

/** How many users there are, and of each chat its name, its newest number and its members. */
async function stateOf({ gql }: Product) {
  let users = 0;
  const chats: object[] = [];
  for (let after: string | undefined, isMore = true; isMore; ) {
    const page = await gql<{ users: { id: string }[] }>(
      'query ($after: ID) { users(first: 500, after: $after) { id } }',
      { after },
    );
    users += page.users.length;
    after = page.users.at(-1)?.id;
    isMore = page.users.length > 0;
  }
  for (let after: string | undefined, isMore = true; isMore; ) {
    const page = await gql<{ chats: { id: string; externalId: string | null; cursor: string; members: object[] }[] }>(
      'query ($after: ID) { chats(first: 50, after: $after) { id externalId cursor members(first: 20) { role } } }',
      { after },
    );
    for (const { externalId, cursor, members } of page.chats)
      if (externalId !== null) chats.push({ externalId, seq: cursor.split(':')[1], members: members.length });
    after = page.chats.at(-1)?.id;
    isMore = page.chats.length > 0;
  }
  return { users, chats: new Set(chats.map((chat) => JSON.stringify(chat))) };
}

/** Which transaction wrote each row, of all tables, as one hash a table. The embedded database is the service's own. */
async function versions(url: string | undefined): Promise<object> {
  if (url === undefined) return {};
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
    );
    const hashes: Record<string, unknown> = {};
    for (const { name } of rows) {
      const hash = `SELECT md5(coalesce(string_agg(t.ctid::text || t.xmin::text, ',' ORDER BY t.ctid), '')) AS hash FROM "${name}" t`;
      hashes[name] = (await client.query<{ hash: string }>(hash)).rows[0]?.hash;
    }
    return hashes;
  } finally {
    await client.end();
  }
}

it('a product brings all it has, is killed in the middle and begins again, and the second time nothing is written', {
  timeout: 600_000,
}, async () => {
  const { kind } = testDatabaseSource();
  const size = SIZES[kind];
  if (kind === 'embedded')
    process.stdout.write(
      `${size.users} users in place of ${SIZES.postgres.users}: the embedded database has one connection.\n`,
    );
  const product = await startProduct();
  const kill = await product.start();
  const middle = Math.floor((pages(size.users).length + pages(size.chats).length + size.chats) / 2);
  let killed: Promise<void> | undefined;
  const cutOff = bring(product, size, (answered) => {
    if (answered === middle) killed = kill();
  });
  await expect(cutOff).rejects.toThrow();
  await killed;
  await product.start();
  await bring(product, size);

  const state = await stateOf(product);
  // The admin is the first.
  expect(state.users).toBe(size.users + 1);
  expect(state.chats).toEqual(
    new Set(
      range(size.chats).map((chat) => JSON.stringify({ externalId: `o-${chat}`, seq: `${MEMBERS}`, members: MEMBERS })),
    ),
  );
  const before = await versions(product.databaseUrl);
  await bring(product, size);
  expect(await versions(product.databaseUrl)).toEqual(before);
  expect(await stateOf(product)).toEqual(state);
});
