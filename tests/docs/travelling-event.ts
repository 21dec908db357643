import { afterAll, beforeAll, expect, it } from 'vitest';
import { chatTopic } from '../../src/delivery/bus.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

/*
 * What becomes of the kind that CONTRIBUTING.md adds as its example. `event-kind.test.ts` puts this file as a test into a copy of
 * the repository in which the example was followed.
 */

let services: Awaited<ReturnType<typeof startOwnServices>>;
let graphql: GraphqlApp;
let raw: RealtimeApp;

beforeAll(async () => {
  services = await startOwnServices();
  graphql = await startGraphqlApp(services);
  raw = await startRealtimeApp(services);
});

afterAll(async () => {
  await raw.close();
  await graphql.close();
  await services.close();
});

const EVENT = '__typename seq cursor ... on MemberWaved { user { username } times }';
const EVENTS = `subscription ($chat: ID!, $after: String!) { chatEvents(chatId: $chat, after: $after) { ${EVENT} } }`;
const PAGE = `query ($chat: ID!, $after: String!) { chatEvents(chatId: $chat, after: $after) { events { ${EVENT} } } }`;

it('travels live and resumed, over the raw channel and GraphQL, and in pages, and is the same everywhere', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann);
  const token = await graphql.newToken(ann);
  const start = `${chat.epoch}:1`;
  const listen = async () => {
    const socket = await raw.open(chat.name, await raw.newToken(ann), { query: { after: start } });
    const events = graphql.connect(token).iterate({ query: EVENTS, variables: { chat: chat.id, after: start } });
    return {
      next: async () => [await socket.next('member.waved'), (await events.next()).value?.data?.chatEvents],
      close: () => Promise.all([socket.close(), events.return?.()]),
    };
  };
  /** Writes the change as a function of the database would, and tells the other processes of it, or loses it on the way. */
  const wave = async (times: number, isPublished: boolean) => {
    const { rows } = await services.db.pool.query(
      `WITH n AS (SELECT * FROM take_number($1)),
         e AS (INSERT INTO chat_events (chat_id, seq, mark, kind, actor_id, subject_id, data)
           SELECT $1, seq, mark, 'member.waved', $2, $2, jsonb_build_object('times', $3::int) FROM n RETURNING seq, created_at)
       SELECT seq, created_at FROM e`,
      [chat.id, ann.id, times],
    );
    const at = rows[0].created_at.toISOString();
    const entry = { type: 'member.waved', chatId: chat.id, epoch: chat.epoch, seq: rows[0].seq, at, facts: { times } };
    if (isPublished)
      await services.bus.publish(chatTopic(chat.id), JSON.stringify({ ...entry, actor: ann, subject: ann }));
  };

  const live = await listen();
  await wave(1, true);
  const heard = [await live.next()];
  await wave(2, false);
  heard.push(await live.next());
  await live.close();

  const user = { id: ann.id, username: ann.username };
  const expected = [1, 2].map((times) => {
    const [seq, cursor] = [times + 1, `${chat.epoch}:${times + 1}`];
    return [
      { type: 'member.waved', seq, cursor, at: expect.any(String), actor: user, user, times },
      { __typename: 'MemberWaved', seq, cursor, user: { username: ann.username }, times },
    ];
  });
  expect(heard).toEqual(expected);

  const resumed = await listen();
  expect([await resumed.next(), await resumed.next()]).toEqual(heard);
  await resumed.close();
  const { data } = await graphql.run(PAGE, { chat: chat.id, after: start }, { token });
  expect(data).toEqual({ chatEvents: { events: heard.map(([, event]) => event) } });
});
