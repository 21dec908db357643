import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createConfig, lint } from '@redocly/openapi-core';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/domain/log/events/kinds.js';
import { closeCodes } from '../../src/plugins/websocket/close-codes.js';
import { parseFrame } from '../../src/realtime/protocol.js';
import { answerSchemas } from '../support/documents/answers.js';
import { frameSchemas } from '../support/documents/frames.js';
import { objectAt, resolved } from '../support/documents/schemas.js';
import { startTeam } from '../support/service.js';
import { buildTestClient } from '../web/built-client.js';
import { root } from './pages.js';

/** Of the recommended rules those that are not for us. */
const RULES = {
  // Every path answers with and without its trailing slash, and the Django service has them with it.
  'no-path-trailing-slash': 'off',
  'no-server-example.com': 'off',
  // The service has no address of its own.
  'info-contact': 'off',
  // A WebSocket is opened by 101.
  'operation-2xx-response': 'off',
} as const;

describe.each(['openapi.yaml', 'asyncapi.yaml'])('docs/%s', (file) => {
  it('is a document of its kind, without a finding', async () => {
    const config = await createConfig({ extends: ['recommended'], rules: RULES });
    const problems = await lint({ ref: `${root}/docs/${file}`, config });
    expect(problems.map(({ message, location, ruleId }) => `${ruleId}: ${message} ${location[0]?.pointer}`)).toEqual(
      [],
    );
  });
});

describe('docs/asyncapi.yaml', () => {
  const { schemas } = frameSchemas();
  const streams = ['chat', 'inbox', 'chatEvents', 'inboxEvents'];

  it.each(streams)('has every kind of event on the channel %s', (channel) => {
    const types = frameSchemas().typesOf(channel, 'send');
    expect(types).toEqual(expect.arrayContaining(Object.keys(KINDS)));
  });

  it('has every frame that a client may send, and no other', () => {
    const refused = parseFrame('{"type":"?"}');
    const message = refused?.type === 'refused' ? refused.error.message : '';
    const taken = message.replace(/^type must be one of (.+)\.$/, '$1').split(', ');
    const documented = ['chat', 'inbox'].map((channel) => frameSchemas().typesOf(channel, 'receive'));
    expect(new Set(documented.flat())).toEqual(new Set([...taken, 'message']));
    // On a chat's own socket, whose signals come anyhow, it is refused.
    expect(documented[0]).not.toContain('signals');
  });

  it('has every code with which a stream is closed, and no other', () => {
    const { closing } = objectAt(objectAt(schemas.document.components).messages);
    const payload = resolved(schemas.document, resolved(schemas.document, closing).payload);
    const { code } = objectAt(payload.properties);
    const known = Object.values(closeCodes).map((each) => each.code);
    // Those of GraphQL alone, whose sockets have no frame `closing`, and of frames that are too large, which `ws` refuses itself.
    const others = [1009, 4401, 4406, 4408, 4409];
    expect(objectAt(code).enum).toEqual([...new Set(known)].filter((each) => !others.includes(each)).sort());
  });

  it('has examples that are as it says', () => {
    const { messages } = objectAt(schemas.document.components);
    const examples = Object.values(objectAt(messages)).flatMap((message) => {
      const { payload, examples: shown = [] } = objectAt(message);
      const place = String(objectAt(payload).$ref).slice(1);
      return Array.isArray(shown) ? shown.map((example) => schemas.problem(place, objectAt(example).payload)) : [];
    });
    expect(examples.length).toBeGreaterThan(25);
    expect(examples.filter((problem) => problem !== undefined)).toEqual([]);
  });
});

describe('docs/openapi.yaml', () => {
  const routes: { method: string; url: string }[] = [];
  const collect = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    // Methods that are refused have the refusal in two places. Plugins wrap the handlers later.
    fastify.addHook('onRoute', ({ method, url, onRequest, handler }) => {
      if (onRequest !== undefined && Object.is(onRequest, handler)) return;
      for (const each of [method].flat()) routes.push({ method: each.toLowerCase(), url });
    });
  };
  let team: Awaited<ReturnType<typeof startTeam>>;
  beforeAll(async () => {
    subscribe('fastify.initialization', collect);
    const everything = { WEB_CLIENT: 'on', GITHUB_CLIENT_ID: 'id', GITHUB_CLIENT_SECRET: 'secret' };
    team = await startTeam(1, everything, { web: { folder: await buildTestClient() } });
    unsubscribe('fastify.initialization', collect);
  });
  afterAll(() => team.close());

  /** Every route that does something: HEAD is as GET, OPTIONS is for CORS, and compressed copies are answers of their files. */
  const served = () =>
    routes.filter(({ method, url }) => method !== 'head' && method !== 'options' && !/\.(br|gz)$/.test(url));
  const described = (): [string, string][] =>
    answerSchemas().paths.flatMap(({ name, operations }): [string, string][] =>
      Object.keys(operations).map((method) => [method, name]),
    );

  it('has every route of the service', () => {
    const missing = served().filter(({ method, url }) => !(method in (answerSchemas().pathOf(url)?.operations ?? {})));
    expect(missing).toEqual([]);
  });

  it('has no route that the service has not', () => {
    const known = new Set(served().map(({ method, url }) => `${method} ${answerSchemas().pathOf(url)?.name}`));
    expect(described().filter(([method, name]) => !known.has(`${method} ${name}`))).toEqual([]);
  });
});
