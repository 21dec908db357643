import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { missingPage, page, SCRIPT, STYLES } from './graphiql-page.js';

const PATH = '/graphql';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** The files of the npm packages that a browser can load directly. */
const PACKAGED = [
  { path: 'react/umd/react.production.min.js', type: JAVASCRIPT },
  { path: 'react-dom/umd/react-dom.production.min.js', type: JAVASCRIPT },
  { path: 'graphql-ws/umd/graphql-ws.min.js', type: JAVASCRIPT },
  { path: 'graphiql/graphiql.min.js', type: JAVASCRIPT },
  { path: 'graphiql/graphiql.min.css', type: CSS },
];

const HEADERS = {
  // The editor sets styles from JavaScript. Everything else must come from this service.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
} as const;

export interface GraphiqlOptions {
  /** Folders to search for the npm packages; by default those that Node searches for this file's imports. */
  packageFolders?: readonly string[];
}

/**
 * Serves GraphiQL to a browser that opens the GraphQL path. For development. All files come from the installed npm packages, so
 * the browser loads nothing from elsewhere; without the packages the page says which are missing. Call before the path's route
 * is registered.
 */
export function addGraphiql(app: FastifyInstance, options: GraphiqlOptions = {}): void {
  const folders = options.packageFolders ?? createRequire(import.meta.url).resolve.paths('graphiql') ?? [];
  const files = PACKAGED.map(({ path, type }) => ({ path, type, file: find(folders, path) }));
  const missing = files.filter(({ file }) => file === undefined).map(({ path }) => path.split('/', 1).join());
  const html = missing.length > 0 ? missingPage(missing) : page(`${PATH}/`, `${PATH}/assets`, PACKAGED);

  app.addHook('onRequest', async (request, reply) => {
    if (isNavigation(request)) return reply.headers(HEADERS).type('text/html; charset=utf-8').send(html);
  });

  for (const { path, type, file } of files) {
    if (file === undefined) continue;
    app.get(`${PATH}/assets/${path}`, (_request, reply) =>
      reply.headers(HEADERS).type(type).send(createReadStream(file)),
    );
  }
  app.get(`${PATH}/assets/page.js`, (_request, reply) => reply.headers(HEADERS).type(JAVASCRIPT).send(SCRIPT));
  app.get(`${PATH}/assets/page.css`, (_request, reply) => reply.headers(HEADERS).type(CSS).send(STYLES));
}

/** Whether a browser opens the page, in contrast to a client that sends an operation. */
function isNavigation({ method, routeOptions, headers, query, ws }: FastifyRequest): boolean {
  if (method !== 'GET' || ws || routeOptions.url?.replace(/\/$/, '') !== PATH) return false;
  if (typeof query === 'object' && query !== null && 'query' in query) return false;
  return headers.accept?.split(',').some((range) => range.trim().toLowerCase().startsWith('text/html')) ?? false;
}

function find(folders: readonly string[], path: string): string | undefined {
  return folders.map((folder) => join(folder, path)).find((file) => existsSync(file));
}
