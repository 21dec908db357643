import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { PROJECT_FOLDER } from '../project-folder.js';
import { PLAIN_PAGE_HEADERS, plainPage } from './plain-page.js';

export interface WebOptions {
  /** Whether the web client is served. Otherwise `/` says where the interfaces are. */
  webClient: boolean;
  /** Where the built client is. */
  folder?: string | undefined;
}

/** `scripts/web-client.mjs` writes it. */
const BUILT = join(PROJECT_FOLDER, 'dist/web');

/**
 * Nothing inline and nothing of another origin, and no text becomes a script. `'self'` covers the page's WebSocket
 * (https://www.w3.org/TR/CSP3/#match-url-to-source-expression).
 */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  // The page is one file among others of the next version, whose names it holds.
  'cache-control': 'no-cache',
} as const;

/** Their names hold their hashes. */
const ASSET_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' } as const;

/** Serves the web client at `/` and its files at `/assets/`. Touches no other path. */
export async function webPlugin(app: FastifyInstance, { webClient, folder = BUILT }: WebOptions): Promise<void> {
  if (!webClient) return servePlainPage(app, 'about');
  if (!existsSync(join(folder, 'index.html'))) return servePlainPage(app, 'notBuilt');
  await app.register(fastifyStatic, {
    root: folder,
    // A route for each file, so that every other path stays as it is.
    wildcard: false,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.headers(path.includes('/assets/') ? ASSET_HEADERS : PAGE_HEADERS);
    },
  });
}

function servePlainPage(app: FastifyInstance, which: 'about' | 'notBuilt'): void {
  const [status, page] = plainPage(which);
  app.get('/', (_request, reply) =>
    reply.code(status).headers(PLAIN_PAGE_HEADERS).type('text/html; charset=utf-8').send(page),
  );
}
