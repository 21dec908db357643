import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { OAuthClient as ClientRow } from '../../generated/prisma/client.js';
import type { AttemptSubject, Attempts } from '../credentials/attempts.js';
import { HashQueue, laneOf } from '../credentials/hash-queue.js';
import type { PasswordHasher } from '../credentials/passwords.js';
import type { Models } from '../database.js';
import { DomainError } from '../errors.js';
import { batched } from '../queues/batched.js';
import type { Scope } from '../viewer.js';
import { checkNewClient, type Grant, isGrant, type NewClient } from './client-rules.js';
import { knownScopes } from './scopes.js';
import { hashToken, newToken } from './tokens/opaque-token.js';

export interface OAuthClient {
  /** The public `client_id`. */
  id: string;
  name: string;
  /** True for a client that cannot keep a secret: a single-page or native app (RFC 6749 §2.1). */
  isPublic: boolean;
  grants: Grant[];
  scopes: Scope[];
  redirectUris: string[];
  /** The bot that its `client_credentials` tokens are of; null when they name no user. */
  userId: string | null;
}

type NewRow = Omit<ClientRow, 'createdAt'>;

const GENERATED_SECRET_HASH = 'sha256:';
/** The queue of secrets to verify for one client, from networks that are not trusted for it. Networks take turns. */
const GUESS_QUEUE = { parallel: 1, maxWaiting: 128, maxPerAccount: 128 };
/** Pause of that queue after a wrong secret, in milliseconds. */
const AFTER_WRONG_MS = 200;

/** The OAuth2 clients: applications that may request tokens. */
export class Clients {
  /** Batched, since every request to the token endpoint looks up a client. */
  private readonly rows = batched(async (ids: readonly string[]) => {
    const rows = await this.db.prisma.oAuthClient.findMany({ where: { id: { in: [...new Set(ids)] } } });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  });

  /** One queue per client with a chosen secret. An operator registers clients, so there are few. */
  private readonly guesses = new Map<string, HashQueue>();

  constructor(
    private readonly db: Models,
    private readonly passwords: PasswordHasher,
    private readonly attempts: Attempts,
  ) {}

  /**
   * Registers a client, for an operator, and returns its secret, which cannot be read again; null for a public client.
   * @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a taken id
   */
  async create(input: NewClient): Promise<{ client: OAuthClient; secret: string | null }> {
    const checked = checkNewClient(input);
    const secret = input.isPublic ? null : (input.secret ?? newToken('clientSecret'));
    const secretHash = secret && (await hashClientSecret(secret, (chosen) => this.passwords.hash(chosen)));
    const row = { ...checked, id: checked.id ?? randomBytes(20).toString('hex'), secretHash };
    if (!(await this.insert(row))) throw new DomainError('CONFLICT', 'This client id is taken.', { field: 'id' });
    return { client: toClient(row), secret };
  }

  /** Writes the act to the audit log too. False when the id is taken. */
  private async insert({ id, name, secretHash, grants, scopes, redirectUris, userId }: NewRow): Promise<boolean> {
    const act = { grants, scopes, isPublic: secretHash === null, serviceUser: userId };
    const rows = await this.db.prisma.$queryRaw<unknown[]>`
      WITH made AS (
        INSERT INTO oauth_clients (id, name, secret_hash, grants, scopes, redirect_uris, user_id)
        VALUES (${id}, ${name}, ${secretHash}, ${grants}, ${scopes}, ${redirectUris}, ${userId}::uuid)
        ON CONFLICT (id) DO NOTHING RETURNING id)
      SELECT write_audit(NULL, NULL, 'client.created', NULL, made.id, ${JSON.stringify(act)}::jsonb)::text FROM made`;
    return rows.length > 0;
  }

  async find(id: string): Promise<OAuthClient | undefined> {
    const row = await this.findRow(id);
    return row ? toClient(row) : undefined;
  }

  /**
   * Returns the client with this id and secret. A public client has no secret and must send none. Returns undefined for an unknown
   * id and for a wrong secret.
   * @param address the IP address that the secret came from, for counting failures
   * @throws DomainError `RATE_LIMITED` after too many failures from the address, but never for the right generated secret (256 bits
   * cannot be guessed) or a public client (which has nothing to guess); `SERVICE_UNAVAILABLE` when too many guesses at a chosen
   * secret wait
   */
  async authenticate(id: string, secret: string | undefined, address?: string): Promise<OAuthClient | undefined> {
    const subject: AttemptSubject = { client: id, address };
    const row = await this.findRow(id);
    if (row && isGenerated(row) && isGeneratedSecretOf(row, secret)) return toClient(row);
    if (row?.secretHash === null && secret === undefined) return toClient(row);
    // A public or unknown client has no secret to guess: its failures count for the sender's network only.
    const guessed: AttemptSubject = row?.secretHash ? subject : { address };
    await this.attempts.admit(guessed);
    if (row && (await this.isSecretOf(row, secret, subject))) return toClient(row);
    await this.attempts.failed(guessed);
    return undefined;
  }

  /** No client has an id with other characters than printable ASCII (client-rules.ts). */
  private async findRow(id: string): Promise<ClientRow | null> {
    if (!/^[\x20-\x7e]{1,100}$/.test(id)) return null;
    return await this.rows.add(id);
  }

  /** Guesses from all networks wait in one queue, except from networks from which the client has authenticated lately. */
  private async isSecretOf(row: ClientRow, secret: string | undefined, subject: AttemptSubject): Promise<boolean> {
    if (secret === undefined || row.secretHash === null || isGenerated(row)) return false;
    const { secretHash } = row;
    const passwords = this.passwords.for(laneOf(subject.address, row.id));
    const verify = () => passwords.verify(secretHash, secret, () => this.attempts.admit(subject));
    const isTrusted = await this.attempts.isTrusted(subject);
    const matches = await (isTrusted ? verify() : this.guess(row.id, subject.address, verify));
    if (!matches) return false;
    await this.attempts.succeeded(subject);
    if (this.passwords.needsRehash(secretHash)) await this.rehash(passwords, row.id, secretHash, secret);
    return true;
  }

  /** Resolves as soon as the secret is verified. After a wrong secret the queue pauses before the next guess. */
  private guess(id: string, address: string | undefined, verify: () => Promise<boolean>): Promise<boolean> {
    const queue = this.guesses.get(id) ?? new HashQueue(GUESS_QUEUE);
    this.guesses.set(id, queue);
    const { network } = laneOf(address, id);
    return new Promise((resolve, reject) => {
      const task = async () => {
        const matches = await verify();
        resolve(matches);
        if (!matches) await new Promise((end) => setTimeout(end, AFTER_WRONG_MS).unref());
      };
      queue.run({ network }, task).catch(reject);
    });
  }

  /** Replaces the hash only if it is still the old one. */
  private async rehash(passwords: PasswordHasher, id: string, oldHash: string, secret: string): Promise<void> {
    const secretHash = await passwords.hash(secret);
    await this.db.prisma.oAuthClient.updateMany({ where: { id, secretHash: oldHash }, data: { secretHash } });
  }
}

function isGenerated({ secretHash }: ClientRow): boolean {
  return secretHash?.startsWith(GENERATED_SECRET_HASH) ?? false;
}

function isGeneratedSecretOf({ secretHash }: ClientRow, secret: string | undefined): boolean {
  return secret !== undefined && secretHash !== null && equalInConstantTime(secretHash, generatedSecretHash(secret));
}

/** Characters of 256 random bits in base64url. A secret of this length or more counts as generated: people choose shorter ones. */
const GENERATED_LENGTH = 43;

/** The stored hash of a client secret: a fast one for a generated secret, which cannot be guessed, a slow one for a chosen secret. */
export async function hashClientSecret(secret: string, hash: (chosen: string) => Promise<string>): Promise<string> {
  return secret.length >= GENERATED_LENGTH ? generatedSecretHash(secret) : hash(secret);
}

/** The stored hash of a generated secret. */
export function generatedSecretHash(secret: string): string {
  return GENERATED_SECRET_HASH + hashToken(secret).toString('base64url');
}

/** Compares digests, so that the time reveals neither content nor length. */
function equalInConstantTime(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function toClient(row: NewRow): OAuthClient {
  return {
    id: row.id,
    name: row.name,
    isPublic: row.secretHash === null,
    grants: row.grants.filter(isGrant),
    scopes: knownScopes(row.scopes),
    redirectUris: row.redirectUris,
    userId: row.userId,
  };
}
