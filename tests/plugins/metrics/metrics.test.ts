import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricNames, readMetrics } from '../../support/metrics.js';
import { startTeam } from '../../support/service.js';
import { waitUntil } from '../../support/wait-until.js';

const TOKEN = 'scraper';

let team: Awaited<ReturnType<typeof startTeam>>;
let token: string;
beforeAll(async () => {
  team = await startTeam(1, { METRICS_TOKEN: TOKEN, LIMIT_FRAMES_PER_SOCKET: '5' });
  token = await team.signIn('admin');
});
afterAll(() => team.close());

const scrape = () => readMetrics(team.first.origin);

async function newChat(name: string): Promise<string> {
  const { data } = await team.first.query(token, `mutation ($name: String!) { createChat(name: $name) { id } }`, {
    name,
  });
  return JSON.stringify(data).replace(/^.*"id":"([^"]+)".*$/, '$1');
}

describe('who may read them', () => {
  const get = (headers: Record<string, string>) => fetch(`${team.first.origin}/metrics`, { headers });

  it.each([
    ['a program on this machine', {}, 200],
    ['the token', { authorization: `Bearer ${TOKEN}` }, 200],
    ['the token, through a proxy', { authorization: `Bearer ${TOKEN}`, 'x-forwarded-for': '192.0.2.1' }, 200],
    ['somebody behind a proxy', { 'x-forwarded-for': '127.0.0.1' }, 401],
    ['somebody behind a proxy that sends Forwarded', { forwarded: 'for=127.0.0.1' }, 401],
    ['another token', { authorization: 'Bearer scraped' }, 401],
    ['the token of an admin', { authorization: 'Bearer cat_x' }, 401],
  ])('%s', async (_who, headers: Record<string, string>, status) => {
    const response = await get(headers);
    expect(response.status).toBe(status);
    expect((await response.text()).includes('chat_connections')).toBe(status === 200);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('without METRICS_TOKEN no token is the right one', { timeout: 60_000 }, async () => {
    const other = await startTeam(1);
    const { status } = await fetch(`${other.first.origin}/metrics`, { headers: { authorization: 'Bearer undefined' } });
    await other.close();
    expect(status).toBe(401);
  });
});

describe('what they tell', () => {
  it('answers by the pattern of their route and by code, and no path that a client made up', async () => {
    await fetch(`${team.first.origin}/ws/chat/secret-plans`);
    await fetch(`${team.first.origin}/made-up/by/a/client`);
    await fetch(`${team.first.origin}/healthz/`);
    const values = await scrape();
    expect(values.get('chat_http_requests_total{route="/ws/chat/*",code="426"}')).toBe(1);
    expect(values.get('chat_http_requests_total{route="none",code="404"}')).toBe(1);
    expect(values.get('chat_http_requests_total{route="/healthz",code="200"}')).toBe(1);
    expect(values.get('chat_http_request_duration_seconds_count{route="/healthz"}')).toBe(1);
    expect([...values.keys()].filter((name) => /secret-plans|made-up/.test(name))).toEqual([]);
  });

  it('connections while they are open, what they were sent, and who closed them and why', async () => {
    const chatId = await newChat('counted');
    await team.first.query(
      token,
      `mutation ($id: ID!) { assignUserToChat(chatId: $id, userId: "${await myId()}") { joinedAt } }`,
      {
        id: chatId,
      },
    );
    const raw = await team.first.channel(token, 'counted');
    const events = await team.first.events(token, 'counted');
    const subscription = team.first.subscribe(token, `subscription { messageSent(chatId: "${chatId}") { seq } }`);
    await waitUntil(
      'the connections are counted',
      5000,
      async () => (await scrape()).get('chat_connections{kind="graphql"}') === 1,
    );
    await raw.next('hello');
    const open = await scrape();
    expect(open.get('chat_connections{kind="raw_chat"}')).toBe(1);
    expect(open.get('chat_connections{kind="sse_chat"}')).toBe(1);

    // A subscription says nothing of its beginning, and brings nothing from before it.
    const send = `mutation { sendMessage(chatId: "${chatId}", content: "there?") { seq } }`;
    const seqIn = (data: unknown) => /"seq":(\d+)/.exec(JSON.stringify(data) ?? '')?.[1];
    let newest: string | undefined;
    await waitUntil('the subscription has begun', 10_000, async () => {
      newest = seqIn((await team.first.query(token, send)).data);
      return subscription.events.length > 0;
    });
    await waitUntil('it has the newest', 5000, () => seqIn(subscription.events.at(-1)) === newest);
    const heard = subscription.events.length;
    const before = await scrape();
    raw.send({ type: 'message.send', id: '1', content: 'hi' });
    await subscription.until(heard + 1);
    raw.send({ type: 'message.send', id: '2', content: '' });
    await waitUntil('the refusal is counted', 5000, async () =>
      (await scrape()).has('chat_client_errors_total{edge="raw",code="BAD_USER_INPUT"}'),
    );
    const sent = await scrape();
    const more = (name: string) => (sent.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(more('chat_events_announced_total')).toBe(1);
    expect(more('chat_events_announced_together_count')).toBe(1);
    expect(more('chat_events_delivered_total')).toBe(3);

    subscription.end();
    events.close();
    for (let frame = 0; frame < 60; frame += 1) raw.send({ type: 'ping' });
    await raw.closed;
    await waitUntil('the connections are closed', 5000, async () => {
      const values = await scrape();
      return ['raw_chat', 'sse_chat', 'graphql'].every((kind) => values.get(`chat_connections{kind="${kind}"}`) === 0);
    });
    const closed = await scrape();
    expect(closed.get('chat_connections_closed_total{kind="raw_chat",by="server",code="4429"}')).toBe(1);
    expect(closed.get('chat_connections_closed_total{kind="sse_chat",by="client",code="none"}')).toBe(1);
    expect(closed.get('chat_connections_closed_total{kind="graphql",by="client",code="1000"}')).toBe(1);
    expect(closed.get('chat_limit_refusals_total{limit="frames"}')).toBe(1);
  });

  it('errors over GraphQL, whose status is 200', async () => {
    const count = async () =>
      (await scrape()).get('chat_client_errors_total{edge="graphql",code="BAD_USER_INPUT"}') ?? 0;
    const before = await count();
    const { codes } = await team.first.query(token, 'mutation { createChat(name: "") { id } }');
    expect(codes).toEqual(['BAD_USER_INPUT']);
    expect(await count()).toBe(before + 1);
  });

  it('who holds the marks back: of a server, the process of the transaction that is open', async () => {
    expect((await scrape()).get('chat_marks_held_back_pid')).toBeGreaterThanOrEqual(0);
    // The embedded database has one session for all.
    if (team.database.embedded) return;
    const other = new pg.Client({ connectionString: team.database.url });
    await other.connect();
    await other.query('BEGIN');
    const { rows } = await other.query('SELECT pg_current_xact_id(), pg_backend_pid() AS pid');
    // Transactions of other databases of the server may be older.
    await waitUntil(
      'it is the oldest',
      20_000,
      async () => (await scrape()).get('chat_marks_held_back_pid') === rows[0].pid,
    );
    expect((await scrape()).get('chat_marks_held_back_seconds')).toBeGreaterThan(0);
    await other.end();
    await waitUntil('it has ended', 5000, async () => (await scrape()).get('chat_marks_held_back_pid') !== rows[0].pid);
  });

  it('the state of the database, the bus and the process', async () => {
    const values = await scrape();
    expect(values.get('chat_database_up')).toBe(1);
    expect(values.get('chat_bus_up')).toBe(1);
    expect(values.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(values.get(`chat_build_info{version="${version}",node="${process.version}"}`)).toBe(1);
  });

  it('each has a name as Prometheus wants it, and is told once', async () => {
    const text = await (await fetch(`${team.first.origin}/metrics`)).text();
    const names = metricNames(text);
    expect(new Set(names).size).toBe(names.length);
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      expect(name).toMatch(/^(chat|process|nodejs)(_[a-z]+)+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });
});

async function myId(): Promise<string> {
  const { data } = await team.first.query(token, '{ me { id } }');
  return JSON.stringify(data).replace(/^.*"id":"([^"]+)".*$/, '$1');
}
