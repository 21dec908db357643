import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { OAuthClient as ClientRow } from '../generated/prisma/client.js';
import type { AttemptSubject, Attempts } from './attempts.js';
import { checkNewClient, type Grant, isGrant, type NewClient } from './client-rules.js';
import type { Models } from './database.js';
import { DomainError } from './errors.js';
import type { PasswordHasher } from './passwords.js';
import { knownScopes } from './scopes.js';
import { hashToken, newToken } from './tokens/opaque-token.js';
import { isUniqueViolation } from './users.js';
import type { Scope } from './viewer.js';

export interface OAuthClient {
  /** The public `client_id`. */
  id: string;
  name: string;
  /** True for a client that keeps no secret: a single-page or native app (RFC 6749 §2.1). */
  isPublic: boolean;
  grants: Grant[];
  scopes: Scope[];
  redirectUris: string[];
}

const GENERATED_SECRET_HASH = 'sha256:';

/** The applications that may ask for tokens. */
export class Clients {
  constructor(
    private readonly db: Models,
    private readonly passwords: PasswordHasher,
    private readonly attempts: Attempts,
  ) {}

  /**
   * Registers a client and returns its secret, which cannot be read again; null for a public client.
   * @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a taken id.
   */
  async create(input: NewClient): Promise<{ client: OAuthClient; secret: string | null }> {
    const checked = checkNewClient(input);
    const secret = input.isPublic ? null : (input.secret ?? newToken('clientSecret'));
    const secretHash = secret && (await this.hashSecret(secret, input.secret !== undefined));
    const data = { ...checked, id: checked.id ?? randomBytes(20).toString('hex'), secretHash };
    try {
      return { client: toClient(await this.db.prisma.oAuthClient.create({ data })), secret };
    } catch (error) {
      if (isUniqueViolation(error)) throw new DomainError('CONFLICT', 'This client id is taken.', { field: 'id' });
      throw error;
    }
  }

  async find(id: string): Promise<OAuthClient | undefined> {
    const row = await this.findRow(id);
    return row ? toClient(row) : undefined;
  }

  /**
   * The client with this id and this secret; a public client has none and must give none. Unknown id and wrong secret
   * are both `undefined`.
   * @param address the IP address that the secret came from, to count failures by
   * @throws DomainError `RATE_LIMITED` after too many failures. A client with a generated secret is never kept out: nobody
   * guesses 256 bits, so its right secret is right whatever came before.
   */
  async authenticate(id: string, secret: string | undefined, address?: string): Promise<OAuthClient | undefined> {
    const subject: AttemptSubject = { client: id, address };
    const row = await this.findRow(id);
    if (row && isGenerated(row) && isGeneratedSecretOf(row, secret)) return toClient(row);
    await this.attempts.admit(subject);
    if (row && (await this.isSecretOf(row, secret, subject))) return toClient(row);
    await this.attempts.failed(subject);
    return undefined;
  }

  /** An id holds printable ASCII only (client-rules.ts), so anything else is the id of no client. */
  private async findRow(id: string): Promise<ClientRow | null> {
    if (!/^[\x20-\x7e]{1,100}$/.test(id)) return null;
    return await this.db.prisma.oAuthClient.findUnique({ where: { id } });
  }

  private async isSecretOf(row: ClientRow, secret: string | undefined, subject: AttemptSubject): Promise<boolean> {
    if (row.secretHash === null) return secret === undefined;
    if (secret === undefined || isGenerated(row)) return false;
    const matches = await this.passwords.verify(row.secretHash, secret, () => this.attempts.admit(subject));
    if (!matches) return false;
    await this.attempts.succeeded(subject);
    if (this.passwords.needsRehash(row.secretHash)) await this.rehash(row.id, row.secretHash, secret);
    return true;
  }

  /** Only while the old hash still stands. */
  private async rehash(id: string, oldHash: string, secret: string): Promise<void> {
    const secretHash = await this.passwords.hash(secret);
    await this.db.prisma.oAuthClient.updateMany({ where: { id, secretHash: oldHash }, data: { secretHash } });
  }

  /** 256 random bits cannot be guessed from a fast hash; what a person chose can. */
  private async hashSecret(secret: string, chosen: boolean): Promise<string> {
    return chosen ? this.passwords.hash(secret) : generatedSecretHash(secret);
  }
}

function isGenerated({ secretHash }: ClientRow): boolean {
  return secretHash?.startsWith(GENERATED_SECRET_HASH) ?? false;
}

function isGeneratedSecretOf({ secretHash }: ClientRow, secret: string | undefined): boolean {
  return secret !== undefined && secretHash !== null && equalInConstantTime(secretHash, generatedSecretHash(secret));
}

/** What is stored in place of a secret that nobody can guess. */
export function generatedSecretHash(secret: string): string {
  return GENERATED_SECRET_HASH + hashToken(secret).toString('base64url');
}

/** Compared as digests, so that neither content nor length shows in the time. */
function equalInConstantTime(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function toClient(row: ClientRow): OAuthClient {
  return {
    id: row.id,
    name: row.name,
    isPublic: row.secretHash === null,
    grants: row.grants.filter(isGrant),
    scopes: knownScopes(row.scopes),
    redirectUris: row.redirectUris,
  };
}
