import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../../src/delivery/in-process-bus.js';
import { newToken } from '../../../../src/domain/access/tokens/opaque-token.js';
import { sameViewer, startOwnServices, startServices } from '../../../support/services.js';
import { waitUntil } from '../../../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices({ sweepIntervalMs: 2 ** 31 - 1 });
  await services.clients.create({
    name: 'App',
    id: 'app',
    grants: ['password', 'refresh_token', 'client_credentials'],
  });
});
afterAll(() => services.close());

const sql = (text: string, ...values: unknown[]) => services.db.pool.query(text, values);
const count = async (table: string) => Number((await sql(`SELECT count(*) FROM ${table}`)).rows[0].count);
const issue = (userId: string | null) =>
  services.tokens.issue({ clientId: 'app', userId, scopes: ['read'], withRefreshToken: true });
async function viewerFor(userId: string) {
  const viewer = await services.tokens.authenticate((await issue(userId))?.accessToken ?? '');
  if (!viewer) throw new Error('No token was issued.');
  return viewer;
}

it('what has expired goes by itself, in more steps than one, and nothing else does', async () => {
  const user = await services.newUser();
  const alive = await viewerFor(user.id);
  const ticket = await services.tokens.createSocketTicket(alive);
  await sql(
    `WITH family AS (INSERT INTO token_families (id, client_id, user_id)
       SELECT gen_random_uuid(), 'app', $1 FROM generate_series(1, 700) RETURNING id),
     access AS (INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
       SELECT decode(replace(id::text, '-', ''), 'hex'), id, '{}', now() FROM family),
     refresh AS (INSERT INTO refresh_tokens (hash, family_id, scopes, expires_at)
       SELECT decode(replace(id::text, '-', ''), 'hex'), id, '{}', now() FROM family)
     INSERT INTO socket_tickets (hash, family_id, scopes, expires_at, token_expires_at)
       SELECT decode(replace(id::text, '-', ''), 'hex'), id, '{}', now(), now() FROM family`,
    user.id,
  );
  await sql(
    `INSERT INTO browser_sessions (hash, user_id, expires_at)
     SELECT decode(md5(n::text), 'hex'), $1, now() FROM generate_series(1, 700) n`,
    user.id,
  );
  const sweeping = await startServices(services.database, new InProcessBus(), { sweepIntervalMs: 10 });
  try {
    await waitUntil(
      'The cleaning',
      10_000,
      async () => (await count('token_families')) === 1 && (await count('browser_sessions')) === 0,
    );
  } finally {
    await sweeping.close();
  }
  for (const table of ['token_families', 'access_tokens', 'refresh_tokens', 'socket_tickets'])
    expect([table, await count(table)]).toEqual([table, 1]);
  expect(sweeping.errors).toEqual([]);
  expect(await services.tokens.redeemSocketTicket(ticket)).toEqual(sameViewer(alive));
});

it('a sign-in keeps its newest ten tickets', async () => {
  const viewer = await viewerFor((await services.newUser()).id);
  const tickets: string[] = [];
  const ofOthers = await count('socket_tickets');
  for (let index = 0; index < 30; index += 1) tickets.push(await services.tokens.createSocketTicket(viewer));
  expect(await count('socket_tickets')).toBeLessThanOrEqual(ofOthers + 10);
  // Of tickets of one millisecond, any may be the older: the tenth and the eleventh can change places.
  for (const [index, ticket] of tickets.slice(-6).entries())
    expect([index, await services.tokens.redeemSocketTicket(ticket)]).toEqual([index, sameViewer(viewer)]);
  expect(await services.tokens.redeemSocketTicket(tickets[0] ?? '')).toBeUndefined();
});

it('a user and a client keep their newest thousand sign-ins, and the oldest one ends', async () => {
  for (const userId of [(await services.newUser()).id, null]) {
    const oldest = await issue(userId);
    await sql(
      `INSERT INTO token_families (id, client_id, user_id, created_at)
       SELECT gen_random_uuid(), 'app', $1, now() FROM generate_series(1, 998) n`,
      userId,
    );
    await issue(userId);
    expect(await services.tokens.authenticate(oldest?.accessToken ?? '')).toBeDefined();
    await sql(
      `UPDATE token_families SET created_at = now() - interval '1 day' WHERE id = (
      SELECT id FROM token_families WHERE user_id IS NOT DISTINCT FROM $1 ORDER BY created_at LIMIT 1)`,
      userId,
    );
    await issue(userId);
    expect(await services.tokens.authenticate(oldest?.accessToken ?? '')).toBeUndefined();
    const { rows } = await sql(
      'SELECT count(*)::int FROM token_families WHERE user_id IS NOT DISTINCT FROM $1',
      userId,
    );
    expect(rows).toEqual([{ count: 1000 }]);
  }
});

it('the sign-in that was just made stays, whatever a clock that was ahead has left', async () => {
  const { id } = await services.newUser();
  await sql(
    `INSERT INTO token_families (id, client_id, user_id, created_at)
     SELECT gen_random_uuid(), 'app', $1, now() + n * interval '1 minute' FROM generate_series(1, 1000) n`,
    id,
  );
  // Often: a time is stored in whole milliseconds, which may be later than a moment after it.
  for (let round = 0; round < 20; round += 1) {
    const issued = await issue(id);
    expect(await services.tokens.authenticate(issued?.accessToken ?? ''), `sign-in ${round}`).toBeDefined();
  }
  await sql(`UPDATE token_families SET created_at = created_at - interval '2 days' WHERE user_id = $1`, id);
});

it('a user keeps the newest hundred browsers', async () => {
  const user = await services.newUser();
  const secrets: (string | undefined)[] = [];
  for (let index = 0; index < 102; index += 1) secrets.push(await services.browserSessions.start(user.id, undefined));
  expect(await count('browser_sessions')).toBe(100);
  expect(await services.browserSessions.find(secrets[0] ?? '')).toBeUndefined();
  expect(await services.browserSessions.find(secrets.at(-1) ?? '')).toMatchObject({ id: user.id });
});

it('one ticket asked for twice in one statement lets one in', async () => {
  const viewer = await viewerFor((await services.newUser()).id);
  const ticket = await services.tokens.createSocketTicket(viewer);
  const redeemed = await Promise.all(
    [ticket, ticket, newToken('ticket')].map((t) => services.tokens.redeemSocketTicket(t)),
  );
  expect(redeemed.filter((found) => found !== undefined)).toEqual([sameViewer(viewer)]);
});
