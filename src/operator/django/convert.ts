import { v7 as uuidv7 } from 'uuid';
import { checkRedirectUri, type Grant } from '../../domain/access/client-rules.js';
import { generatedSecretHash, hashClientSecret } from '../../domain/access/clients.js';
import { knownScopes } from '../../domain/access/scopes.js';
import { hashToken, isImportedToken, newToken } from '../../domain/access/tokens/opaque-token.js';
import { isKnownScheme } from '../../domain/credentials/password-schemes.js';
import { DomainError } from '../../domain/errors.js';
import { checkUsername } from '../../domain/names.js';
import type { UserRole } from '../../domain/profile.js';
import type { Scope } from '../../domain/viewer.js';
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

/** An access token, a refresh token, or a pair of them, that becomes one token family. */
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
  /** One sentence for each thing that could not be copied, or not completely. */
  remarks: string[];
}

/** Hashes a chosen client secret, like a password. */
export type HashSecret = (secret: string) => Promise<string>;

/** Converts everything in memory, before anything is written. */
export async function convert(data: DjangoData, refreshTokenSeconds: number, hash: HashSecret): Promise<Converted> {
  const remarks: string[] = [];
  const users = data.users.flatMap((user) => toUser(user, remarks) ?? []);
  const clients: ImportedClient[] = [];
  for (const application of data.applications) clients.push(...(await toClient(application, hash, remarks)));
  return { users, clients, families: toFamilies(data, refreshTokenSeconds, remarks), remarks };
}

function toUser(user: DjangoUser, remarks: string[]): ImportedUser | undefined {
  const { password } = user;
  const username = toUsername(user, remarks);
  if (username === undefined) return undefined;
  // Django stores "!" and random characters for a user without a password.
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

/** The username in this service's normal form; undefined, with a remark, when it is not allowed here. */
function toUsername({ id, username: given }: DjangoUser, remarks: string[]): string | undefined {
  if (given === null) {
    remarks.push(`The user with the id ${id} was not copied, nor their tokens: they have no username.`);
    return undefined;
  }
  try {
    return checkUsername(given);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const shown = firstCharacters(given, 150);
    remarks.push(`The user ${JSON.stringify(shown)} was not copied, nor their tokens: ${error.message}`);
    return undefined;
  }
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
  return hashClientSecret(secret, hash);
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
  const skipped: SkippedTokens = { access: 0, refresh: 0, scopes: 0 };
  const accessById = new Map(data.accessTokens.map((token) => [token.id, token]));
  const refreshed = new Set<string>();
  const now = Date.now();
  const families = data.refreshTokens.flatMap((refresh): TokenPair[] => {
    const access = refresh.access_token_id === null ? undefined : accessById.get(refresh.access_token_id);
    if (access) refreshed.add(access.id);
    const expiresAt = new Date((refresh.expires ?? refresh.updated).getTime() + refreshTokenSeconds * 1000);
    if (expiresAt.getTime() <= now) return access ? [{ access }] : [];
    return [{ access, refresh, refreshExpiresAt: expiresAt }];
  });
  const alone = data.accessTokens.filter(({ id }) => !refreshed.has(id)).map((access): TokenPair => ({ access }));
  const usable = [...families, ...alone].flatMap((family) => toFamily(family, skipped) ?? []);
  if (skipped.access + skipped.refresh > 0)
    remarks.push(
      `${skipped.access} access and ${skipped.refresh} refresh tokens were not copied: they are not 30 letters and digits.`,
    );
  if (skipped.scopes > 0)
    remarks.push(`${skipped.scopes} sign-ins were not copied: their tokens have neither the scope read nor write.`);
  return usable;
}

interface TokenPair {
  access?: DjangoAccessToken | undefined;
  refresh?: DjangoRefreshToken;
  refreshExpiresAt?: Date;
}

/** Counts of tokens of an unknown form, and of pairs without a known scope. */
interface SkippedTokens {
  access: number;
  refresh: number;
  scopes: number;
}

function toFamily(
  { access, refresh, refreshExpiresAt }: TokenPair,
  skipped: SkippedTokens,
): ImportedFamily | undefined {
  const owner = refresh ?? access;
  if (!owner?.application_id) return undefined;
  const scopes = knownScopes((access?.scope ?? refresh?.scope ?? '').split(/\s+/));
  if (scopes.length === 0) {
    skipped.scopes += 1;
    return undefined;
  }
  if (access && !isImportedToken(access.token)) skipped.access += 1;
  if (refresh && !isImportedToken(refresh.token)) skipped.refresh += 1;
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
