import { tmpdir } from 'node:os';
import { Script } from 'node:vm';
import Fastify, { type FastifyInstance } from 'fastify';
import { type DocumentNode, parse } from 'graphql';
import { type ClientOptions, createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { addGraphiql } from '../../../src/graphql/http/graphiql.js';
import { SCRIPT } from '../../../src/graphql/http/graphiql-page.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';
import { RawClient } from '../protocol/raw-client.js';

/** As Chromium and Firefox send it when one goes to an address. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let graphql: GraphqlApp;

beforeAll(async () => {
  services = await startOwnServices();
  graphql = await startGraphqlApp(services, { graphiql: true });
});
afterAll(async () => {
  await graphql.close();
  await services.close();
});

function visit(app: FastifyInstance, url = '/graphql/', accept = BROWSER) {
  return app.inject({ url, headers: { accept } });
}

interface Events {
  subscribe(observer: { next: (value: unknown) => void; error: (error: unknown) => void; complete: () => void }): {
    unsubscribe: () => void;
  };
}

type Fetcher = (
  operation: { query: string },
  options: { headers: Record<string, string>; documentAST?: DocumentNode },
) => Promise<Events>;

/** Runs the page's script as a browser would, up to the fetcher that it gives to GraphiQL. */
function fetcherOfPage(): Fetcher {
  const elements = { addEventListener: () => {} };
  const props: { fetcher?: Fetcher } = {};
  new Script(SCRIPT).runInNewContext({
    URL,
    fetch,
    location: new URL(graphql.url),
    document: { currentScript: { dataset: { endpoint: '/graphql/' } }, getElementById: () => elements },
    CloseEvent: class CloseEvent {},
    GraphiQL: {},
    React: { createElement: (_type: unknown, given: object) => Object.assign(props, given) },
    ReactDOM: { createRoot: () => ({ render: () => {} }) },
    graphqlWs: { createClient: (options: ClientOptions) => createClient({ ...options, webSocketImpl: WebSocket }) },
  });
  if (!props.fetcher) throw new Error('The page gave no fetcher.');
  return props.fetcher;
}

describe('GraphiQL', () => {
  it.each(['/graphql/', '/graphql'])('answers a browser that visits %s', async (url) => {
    const response = await visit(graphql.app, url);
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(response.body).toContain('<title>GraphiQL</title>');
  });

  it('is served whole by this service: each file that the page names is here, in its media type', async () => {
    const { body } = await visit(graphql.app);
    const names = [...body.matchAll(/\s(?:src|href|action)="([^"]*)"/g)].map(([, name = '']) => name);
    const files = names.filter((name) => !name.startsWith('data:'));
    expect(files).toHaveLength(7);
    for (const name of files) {
      expect(name).toMatch(/^\/graphql\/assets\//);
      const { statusCode, headers } = await graphql.app.inject(name);
      expect([name, statusCode, headers['content-type']]).toEqual([
        name,
        200,
        name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8',
      ]);
    }
  });

  it('has no style sheet that loads anything but what it contains', async () => {
    for (const name of ['graphiql/graphiql.min.css', 'page.css']) {
      const { body } = await graphql.app.inject(`/graphql/assets/${name}`);
      expect(body).not.toContain('@import');
      const loaded = [...body.matchAll(/url\(\s*['"]?([^)'"]{0,5})/g)].map(([, start]) => start);
      expect(new Set([...loaded, 'data:'])).toEqual(new Set(['data:']));
    }
  });

  it('may reach no other origin: its policy names none', async () => {
    const { headers } = await visit(graphql.app);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    const sources = policy.split('; ').flatMap((directive) => directive.split(' ').slice(1));
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "'unsafe-inline'", 'data:']));
    expect(policy).toMatch(/script-src 'self';/);
  });

  it('sends the token of the headers editor over HTTP and over a socket, and no token while none is filled in', async () => {
    const fetcher = fetcherOfPage();
    const ann = await services.newUser();
    const chat = await services.newChat(ann);
    const bob = await services.newUser();
    const me = '{ me { username } }';
    for (const user of [ann, bob]) {
      const headers = { Authorization: `Bearer ${await graphql.newToken(user)}` };
      expect(await fetcher({ query: me }, { headers })).toMatchObject({ data: { me: { username: user.username } } });
    }
    expect(await fetcher({ query: me }, { headers: { Authorization: 'Bearer ' } })).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });

    const { epoch } = await services.chats.requireHead(viewerOf(ann), { id: chat.id });
    const query = `subscription { chatEvents(chatId: "${chat.id}", after: "${epoch}:0") { seq } }`;
    const firstOf = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const events = await fetcher({ query }, { headers, documentAST: parse(query) });
      return new Promise((resolve) => {
        const { unsubscribe } = events.subscribe({ next: resolve, error: resolve, complete: () => {} });
        ends.push(unsubscribe);
      });
    };
    const ends: (() => void)[] = [];
    expect(await firstOf('')).toMatchObject({ code: 4401 });
    expect(await firstOf(await graphql.newToken(bob))).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    expect(await firstOf(await graphql.newToken(ann))).toMatchObject({ data: { chatEvents: { seq: 1 } } });
    for (const end of ends) end();
  });

  it.each([
    ['of no stated wish', '/graphql/', '*/*'],
    ['of JSON', '/graphql/', 'application/json'],
    ['of the GraphQL media type', '/graphql/', 'application/graphql-response+json'],
    ['with a query, from a browser too', '/graphql/?query=%7B__typename%7D', BROWSER],
  ])('does not stand in the way of a request %s', async (_name, url, accept) => {
    const response = await visit(graphql.app, url, accept);
    expect(response.headers['content-type']).toMatch(/^application\/(graphql-response\+)?json/);
  });

  it('does not stand in the way of a POST or of a socket of a browser', async () => {
    const answer = await graphql.run('{ __typename }', {}, { headers: { accept: BROWSER } });
    expect(answer.data).toEqual({ __typename: 'Query' });
    const client = await RawClient.open(graphql.url.replace('http', 'ws'), { headers: { accept: BROWSER } });
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    client.drop();
  });

  it('is not there when it is turned off', async () => {
    const production = await startGraphqlApp(services);
    const page = await visit(production.app);
    expect(page.statusCode).not.toBe(200);
    expect(page.headers['content-type']).toMatch(/json/);
    expect((await production.app.inject('/graphql/assets/page.js')).statusCode).toBe(404);
    await production.close();
  });

  it('says what is missing where the packages are not installed, and the start goes on', async () => {
    const app = Fastify();
    addGraphiql(app, { packageFolders: [tmpdir()] });
    app.get('/graphql/', () => ({ data: null }));
    const { statusCode, body } = await visit(app);
    expect(statusCode).toBe(200);
    expect(body).toContain('GraphiQL is not installed');
    expect(body).toContain('<code>graphiql</code>');
    expect(body).not.toContain('<script');
    expect((await app.inject('/graphql/')).json()).toEqual({ data: null });
    await app.close();
  });
});
