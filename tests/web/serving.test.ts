import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import headers from '../../src/plugins/headers.js';
import { webPlugin } from '../../src/web/plugin.js';
import { answerSchemas } from '../support/documents/answers.js';
import { buildTestClient } from './built-client.js';

const API_POLICY = "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'";

async function appWith(options: Parameters<typeof webPlugin>[1]) {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
  await app.register(headers, { publicUrl: undefined });
  app.get('/api', () => ({}));
  await app.register(webPlugin, options);
  return app;
}

describe('where the web client is served', () => {
  let app: Awaited<ReturnType<typeof appWith>>;
  beforeAll(async () => {
    app = await appWith({ webClient: true, folder: await buildTestClient() });
  });
  afterAll(() => app.close());

  it('/ is its page, which runs its own scripts alone and makes no text a script', async () => {
    const page = await app.inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    const policy = String(page.headers['content-security-policy']).split('; ');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy.join()).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|<style|style=|\{\{/);
  });

  it('every file that the page names is there, for ever, compressed for who takes that', async () => {
    const { body } = await app.inject('/');
    const names = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      expect(name).toMatch(/^\/assets\/\w+-[A-Z0-9]{8}\.(js|css|svg)$/);
      for (const encoding of ['br', 'gzip']) {
        const asset = await app.inject({ url: name, headers: { 'accept-encoding': encoding } });
        expect(asset.statusCode).toBe(200);
        expect(asset.headers).toMatchObject({
          'cache-control': 'public, max-age=31536000, immutable',
          'content-encoding': encoding,
          vary: 'accept-encoding',
          'content-security-policy': API_POLICY,
        });
      }
      const plain = await app.inject(name);
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.body.length).toBeGreaterThan(0);
    }
  });

  it('the first paint takes less than 50 kB', async () => {
    const gzip = { 'accept-encoding': 'gzip' };
    const { body } = await app.inject('/');
    const names = ['/', ...[...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = '']) => name)];
    const sizes = await Promise.all(
      names.map(async (url) => (await app.inject({ url, headers: gzip })).rawPayload.length),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(50_000);
  });

  it('no other path is touched', async () => {
    expect((await app.inject('/api')).headers['content-security-policy']).toBe(API_POLICY);
    for (const path of ['/nothing', '/assets/', '/assets/nothing.js', '/assets/../package.json', '/index.htm'])
      expect((await app.inject(path)).statusCode).toBe(404);
  });
});

describe('where the web client is not served', () => {
  it('/ says what this is and where the interfaces are, and nothing else', async () => {
    const app = await appWith({ webClient: false });
    const page = await app.inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const shown = [...page.body.matchAll(/<code>(.+)<\/code>/g)].map(([, path = '']) => path.replace(/&lt;\w+>/, '*'));
    expect(shown.map((path) => answerSchemas().pathOf(path)?.name)).toEqual([
      ...['/graphql/', '/ws/chat/{chat}/', '/ws/inbox/', '/sse/chat/{chat}/', '/sse/inbox/', '/hooks/{token}/'],
      ...['/oauth/token/', '/.well-known/oauth-authorization-server'],
    ]);
    expect(page.body).not.toMatch(/<script|<link|<img|href=/);
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; /);
    expect((await app.inject('/assets/')).statusCode).toBe(404);
    await app.close();
  });

  it('/ says how to build it, where it should be served and is not built', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-web-'));
    const app = await appWith({ webClient: true, folder });
    const page = await app.inject('/');
    expect(page.statusCode).toBe(503);
    expect(page.body).toContain('npm run build');
    await app.close();
    await rm(folder, { recursive: true });
  });
});
