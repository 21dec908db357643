import type { Models } from '../database.js';
import { DomainError } from '../errors.js';
import type { Clients, OAuthClient } from './clients.js';

/** The web client that the service serves itself: a public client like any other, but for its consent (`isOwnWebClient`). */
export const WEB_CLIENT_ID = 'chat-web-client';

/** Where one database has been served under more addresses than this, the oldest are forgotten. */
const MAX_REDIRECT_URIS = 20;

/**
 * Makes the web client's OAuth2 client, or adds addresses that it does not have yet: a service may be moved, and several
 * services may share a database. Returns false, and changes nothing, when an operator has made a confidential client of this id.
 */
export async function registerWebClient(
  { prisma }: Models,
  clients: Clients,
  redirectUris: readonly string[],
): Promise<boolean> {
  const existing = (await clients.find(WEB_CLIENT_ID)) ?? (await create(clients, redirectUris));
  if (!existing.isPublic) return false;
  const missing = redirectUris.filter((uri) => !existing.redirectUris.includes(uri));
  if (missing.length === 0) return true;
  const all = [...existing.redirectUris, ...missing].slice(-MAX_REDIRECT_URIS);
  await prisma.oAuthClient.updateMany({
    where: { id: WEB_CLIENT_ID, secretHash: null },
    data: { redirectUris: all },
  });
  return true;
}

async function create(clients: Clients, redirectUris: readonly string[]): Promise<OAuthClient> {
  const input = { id: WEB_CLIENT_ID, name: 'Chat', isPublic: true, redirectUris };
  try {
    return (await clients.create(input)).client;
  } catch (error) {
    const isMadeMeanwhile = error instanceof DomainError && error.code === 'CONFLICT';
    const other = isMadeMeanwhile ? await clients.find(WEB_CLIENT_ID) : undefined;
    if (!other) throw error;
    return other;
  }
}

/**
 * Whether the answer to an authorization request goes to the service's own page, which needs no consent: the user has signed in at
 * the service, and it is the service that asks. Any other redirect URI of a public client may belong to another program
 * (https://datatracker.ietf.org/doc/html/rfc8252#section-8.6).
 */
export function isOwnWebClient({ id, isPublic }: OAuthClient, redirectUri: string, serviceOrigin: string): boolean {
  return id === WEB_CLIENT_ID && isPublic && redirectUri === `${serviceOrigin}/`;
}
