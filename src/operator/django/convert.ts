import { v7 as uuidv7 } from 'uuid';
import { checkRedirectUri, type Grant } from '../../domain/client-rules.js';
import { generatedSecretHash } from '../../domain/clients.js';
import { DomainError } from '../../domain/errors.js';
import { isKnownScheme } from '../../domain/password-schemes.js';
import { knownScopes } from '../../domain/scopes.js';
import { hashToken, isImportedToken, newToken } from '../../domain/tokens/opaque-token.js';
import type { Scope, UserRole } from '../../domain/viewer.js';
import type { DjangoAccessToken, DjangoApplication, DjangoData, DjangoRefreshToken, DjangoUser } from './source.js';

export interface ImportedUser {
  id: string;
  sourceId: string;
  username: string;
  passwordHash: string | null;
  email: string | null;
  firstName: string;
  lastName: string;
  role: UserRole;
  isActive: boolean;
  dateJoined: Date;
}

export interface ImportedClient {
  sourceId: string;
  id: string;
  name: string;
  secretHash: string | null;
  grants: Grant[];
  redirectUris: string[];
}

/** A pair of tokens, or one of the two, that makes a family here. */
export interface ImportedFamily {
  id: string;
  clientSourceId: string;
  userSourceId: string | null;
  scopes: Scope[];
  createdAt: Date;
  access: { hash: Buffer; expiresAt: Date } | undefined;
  refresh: { hash: Buffer; expiresAt: Date } | undefined;
}

export interface Converted {
  users: ImportedUser[];
  clients: ImportedClient[];
  families: ImportedFamily[];
  /** What could not be copied, or not wholly; a sentence each. */
  remarks: string[];
}

/** A secret that somebody chose is hashed like a password. */
export type HashSecret = (secret: string) => Promise<string>;

/** Everything in our terms, in memory: nothing is written while something may still be refused. */
export async function convert(data: DjangoData, refreshTokenSeconds: number, hash: HashSecret): Promise<Converted> {
  const remarks: string[] = [];
  const users = data.users.flatMap((user) => toUser(user, remarks) ?? []);
  const clients: ImportedClient[] = [];
  for (const application of data.applications) clients.push(...(await toClient(application, hash, remarks)));
  return { users, clients, families: toFamilies(data, refreshTokenSeconds, remarks), remarks };
}

function toUser(user: DjangoUser, remarks: string[]): ImportedUser | undefined {
  const { username, password } = user;
  if (!/^[\p{L}\p{M}\p{N}@.+\-_]{1,150}$/u.test(username)) {
    remarks.push(
      `The user ${JSON.stringify(username)} was not copied: a username has letters, digits and @ . + - _ only.`,
    );
    return undefined;
  }
  // Django writes "!" and something random for a user who has none.
  const hasPassword = password !== '' && !password.startsWith('!');
  if (hasPassword && !isKnownScheme(password))
    remarks.push(
      `The user ${username} needs a new password: the old one is stored in a way that cannot be checked here.`,
    );
  return {
    id: uuidv7(),
    sourceId: user.id,
    username,
    passwordHash: hasPassword && isKnownScheme(password) ? password : null,
    email: user.email === '' ? null : user.email,
    firstName: firstCharacters(user.first_name, 150),
    lastName: firstCharacters(user.last_name, 150),
    role: user.is_admin ? 'admin' : 'user',
    isActive: user.is_active,
    dateJoined: user.date_joined,
  };
}

const GRANTS: Record<string, Grant[]> = {
  password: ['password', 'refresh_token'],
  'client-credentials': ['client_credentials'],
  'authorization-code': ['authorization_code', 'refresh_token'],
  'openid-hybrid': ['authorization_code', 'refresh_token'],
};

async function toClient(
  application: DjangoApplication,
  hash: HashSecret,
  remarks: string[],
): Promise<ImportedClient[]> {
  const { client_id: id, authorization_grant_type: grantType } = application;
  const grants = GRANTS[grantType];
  if (!grants || !/^[\x20-\x7e]{1,100}$/.test(id)) {
    const why = grants
      ? 'its client id has characters that are not allowed'
      : `the grant ${grantType} is not offered here`;
    remarks.push(`The application ${JSON.stringify(id)} was not copied: ${why}.`);
    return [];
  }
  const uris = application.redirect_uris.split(/\s+/).filter((uri) => uri !== '');
  const redirectUris = uris.filter((uri) => isRedirectUri(uri));
  for (const uri of uris.filter((each) => !redirectUris.includes(each)))
    remarks.push(
      `The application ${id} lost the redirect URI ${uri}: it is neither https, nor loopback, nor an app's own.`,
    );
  const name = firstCharacters(application.name.trim() || id, 100);
  const isPublic = application.client_type === 'public';
  const secretHash = isPublic ? null : await toSecretHash(application, hash, remarks);
  return [{ sourceId: application.id, id, name, secretHash, grants, redirectUris }];
}

/** What the toolkit generates is 128 characters long; a shorter one somebody chose. */
const GENERATED_LENGTH = 64;

async function toSecretHash(
  { client_id: id, client_secret: secret }: DjangoApplication,
  hash: HashSecret,
  remarks: string[],
): Promise<string> {
  if (isKnownScheme(secret)) return secret;
  if (secret === '' || /^[a-z0-9_]+\$.+\$/.test(secret)) {
    remarks.push(
      `The application ${id} needs a new secret: the old one is stored in a way that cannot be checked here.`,
    );
    return generatedSecretHash(newToken('clientSecret'));
  }
  return secret.length >= GENERATED_LENGTH ? generatedSecretHash(secret) : hash(secret);
}

function isRedirectUri(uri: string): boolean {
  try {
    return checkRedirectUri(uri) === uri;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}

function toFamilies(data: DjangoData, refreshTokenSeconds: number, remarks: string[]): ImportedFamily[] {
  const unusual = { access: 0, refresh: 0, scopes: 0 };
  const accessById = new Map(data.accessTokens.map((token) => [token.id, token]));
  const refreshed = new Set<string>();
  const now = Date.now();
  const families = data.refreshTokens.flatMap((refresh): Pair[] => {
    const access = refresh.access_token_id === null ? undefined : accessById.get(refresh.access_token_id);
    if (access) refreshed.add(access.id);
    const expiresAt = new Date((refresh.expires ?? refresh.updated).getTime() + refreshTokenSeconds * 1000);
    if (expiresAt.getTime() <= now) return access ? [{ access }] : [];
    return [{ access, refresh, refreshExpiresAt: expiresAt }];
  });
  const alone = data.accessTokens.filter(({ id }) => !refreshed.has(id)).map((access): Pair => ({ access }));
  const usable = [...families, ...alone].flatMap((family) => checkFamily(family, unusual) ?? []);
  if (unusual.access + unusual.refresh > 0)
    remarks.push(
      `${unusual.access} access and ${unusual.refresh} refresh tokens were not copied: they are not 30 letters and digits.`,
    );
  if (unusual.scopes > 0)
    remarks.push(`${unusual.scopes} sign-ins were not copied: their tokens have neither the scope read nor write.`);
  return usable;
}

interface Pair {
  access?: DjangoAccessToken | undefined;
  refresh?: DjangoRefreshToken;
  refreshExpiresAt?: Date;
}

function checkFamily(
  { access, refresh, refreshExpiresAt }: Pair,
  unusual: { access: number; refresh: number; scopes: number },
): ImportedFamily | undefined {
  const owner = refresh ?? access;
  if (!owner?.application_id) return undefined;
  const scopes = knownScopes((access?.scope ?? refresh?.scope ?? '').split(/\s+/));
  if (scopes.length === 0) {
    unusual.scopes += 1;
    return undefined;
  }
  if (access && !isImportedToken(access.token)) unusual.access += 1;
  if (refresh && !isImportedToken(refresh.token)) unusual.refresh += 1;
  const usableAccess = access && isImportedToken(access.token) ? access : undefined;
  const usableRefresh = refresh && refreshExpiresAt && isImportedToken(refresh.token) ? refresh : undefined;
  if (!usableAccess && !usableRefresh) return undefined;
  return {
    id: uuidv7(),
    clientSourceId: owner.application_id,
    userSourceId: owner.user_id,
    scopes,
    createdAt: owner.created,
    access: usableAccess && { hash: hashToken(usableAccess.token), expiresAt: usableAccess.expires },
    refresh: usableRefresh && refreshExpiresAt && { hash: hashToken(usableRefresh.token), expiresAt: refreshExpiresAt },
  };
}

function firstCharacters(text: string, count: number): string {
  return [...text].slice(0, count).join('');
}
