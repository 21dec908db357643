import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';
import { registerWebClient, WEB_CLIENT_ID } from '../domain/access/web-client.js';

type App = Pick<FastifyInstance, 'db' | 'services' | 'log'>;

/** Makes the OAuth2 client by which people sign in to the web client, if that is served. Called at every start. */
export async function prepareWebClient(app: App, config: Config): Promise<void> {
  if (!config.webClient) return;
  const redirectUris = addressesOf(config).map((origin) => `${origin}/`);
  if (redirectUris.length === 0) {
    app.log.warn('Nobody can sign in to the web client: in production it needs PUBLIC_URL.');
    return;
  }
  if (!(await registerWebClient(app.db, app.services.clients, redirectUris)))
    app.log.warn(
      { clientId: WEB_CLIENT_ID },
      'Nobody can sign in to the web client: an application with a secret has its client id.',
    );
}

/** The origins at which browsers open the web client. The port of a numeric loopback address does not matter (`redirect-uris.ts`). */
function addressesOf({ environment, port, publicUrl }: Config): string[] {
  const known = publicUrl === undefined ? [] : [publicUrl];
  if (environment === 'production') return known;
  return [...known, 'http://127.0.0.1', 'http://[::1]', `http://localhost:${port}`];
}
