import { answerTimeoutMs, type Database } from '../../database.js';
import { type ExternalUsers, namesFrom } from '../../people/external-users.js';
import { FairQueue } from '../../queues/fair-queue.js';
import type { Viewer } from '../../viewer.js';
import type { TokensOfIssuers } from '../tokens/exchange.js';
import { hashToken } from '../tokens/opaque-token.js';
import { admit, type TokenOfUser } from './admit.js';
import { identityOf, roleOf, scopesOf } from './token-claims.js';
import { LEEWAY_SECONDS, type TrustedIssuer, type VerifiedToken } from './trusted-issuer.js';
import { looksSigned, Verifier, type VerifierReports } from './verifier.js';

/** Tokens whose check is remembered. A further one displaces the oldest. */
const MAX_VERIFIED = 10_000;

/** What `IssuerTokens` needs of its surroundings. */
export interface IssuerTokensContext extends VerifierReports {
  externalUsers: Pick<ExternalUsers, 'find' | 'findOrCreate'>;
  /** The viewer of the written access token with this hash; null for one that is not there, expired or revoked. */
  viewerOf(hash: Buffer): Promise<Viewer | null>;
  /** Called after COMMIT when a user's role or names changed. */
  onUserChange(userId: string): void;
  /** Called after COMMIT with a user who has one more family. */
  onNewFamily(userId: string): Promise<void>;
}

/**
 * Access tokens of trusted issuers. The signature and the claims are checked once in a process. At its first use a token is written like
 * one of our own, so that from then on revocation, sockets, tickets and the rights in the database are the same for both.
 */
export class IssuerTokens implements TokensOfIssuers {
  private readonly verifier: Verifier;
  /** By the hash of the whole text: when the token ends, in milliseconds since 1970. */
  private readonly verified = new Map<string, number>();
  /** First uses: a transaction each. Those of one user wait for each other here, not for a lock in PostgreSQL. */
  private readonly firstUses: FairQueue;
  /** First uses that are under way, by the hash that is written: many sockets may come back with one new token at once. */
  private readonly beginning = new Map<string, Promise<Viewer | null>>();

  constructor(
    private readonly db: Database,
    issuers: readonly TrustedIssuer[],
    private readonly context: IssuerTokensContext,
  ) {
    this.verifier = new Verifier(issuers, context);
    this.firstUses = new FairQueue({
      parallel: 3,
      maxWaiting: 1000,
      maxWaitingPerKey: 100,
      timeoutMs: answerTimeoutMs(db),
    });
  }

  /**
   * The viewer of a token; undefined when it fails a check, is revoked, or its user is unknown or not active.
   * @throws DomainError `SERVICE_UNAVAILABLE`, with the rule `temporarily_unavailable` while its issuer is away and its key not known
   */
  async authenticate(token: string): Promise<Viewer | undefined> {
    if (!looksSigned(token)) return undefined;
    const key = hashToken(token).toString('base64');
    let verified: VerifiedToken | undefined;
    if (!this.isVerified(key)) {
      verified = await this.verifier.verify(token);
      if (!verified) return undefined;
    }
    const hash = hashToken(signedPartOf(token));
    const known = await this.context.viewerOf(hash);
    const viewer = known ?? (await this.begin(hash, verified ?? (await this.verifier.verify(token))));
    if (viewer && verified) this.remember(key, verified);
    return viewer ?? undefined;
  }

  private begin(hash: Buffer, token: VerifiedToken | undefined): Promise<Viewer | null> {
    if (!token) return Promise.resolve(null);
    const key = hash.toString('base64');
    const present = this.beginning.get(key);
    if (present) return present;
    const firstUse = this.firstUses
      .run(holderOf(token), () => this.firstUse(hash, token))
      .finally(() => this.beginning.delete(key));
    this.beginning.set(key, firstUse);
    return firstUse;
  }

  private async firstUse(hash: Buffer, token: VerifiedToken): Promise<Viewer | null> {
    const userId = await this.admitUser(token, { hash, scopes: scopesOf(token) });
    if (userId === undefined) return null;
    await this.context.onNewFamily(userId);
    return this.context.viewerOf(hash);
  }

  /**
   * The content of a token that is to be exchanged; undefined when it fails a check.
   * @param idTokenFor the client that an ID token may be for; undefined for an access token
   * @throws DomainError as `authenticate`
   */
  async verify(token: string, idTokenFor?: string): Promise<VerifiedToken | undefined> {
    return looksSigned(token) ? this.verifier.verify(token, idTokenFor) : undefined;
  }

  /**
   * The id of the user whom a token names, made or changed as its claims say; undefined when there is none who may sign in.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many wait
   */
  admit(token: VerifiedToken): Promise<string | undefined> {
    return this.firstUses.run(holderOf(token), () => this.admitUser(token));
  }

  private async admitUser(token: VerifiedToken, bearer?: TokenOfUser['bearer']): Promise<string | undefined> {
    const identity = identityOf(token);
    if (!identity) return this.refuse(token, `"${token.issuer.idClaim}" is not there, or no externalId`);
    const { externalUsers, onUserChange } = this.context;
    const userId = await (token.issuer.createsUsers
      ? externalUsers.findOrCreate(identity)
      : externalUsers.find(identity));
    if (userId === undefined) return this.refuse(token, 'there is no such user, and create=on is not set');
    const admission = await admit(this.db, {
      bearer,
      userId,
      identity,
      role: roleOf(token),
      names: token.issuer.syncsNames ? namesFrom(identity) : {},
      issuedAt: token.issuedAt,
      expiresAt: token.expiresAt,
    });
    if (!admission) return this.refuse(token, 'its user is not active, a bot, or was signed out after it was issued');
    if (admission.isUserChanged) onUserChange(userId);
    return userId;
  }

  private refuse({ issuer }: VerifiedToken, reason: string): undefined {
    this.context.onRefused({ issuer: issuer.issuer, reason });
  }

  private isVerified(key: string): boolean {
    const endsAt = this.verified.get(key);
    if (endsAt !== undefined && endsAt > Date.now()) return true;
    this.verified.delete(key);
    return false;
  }

  private remember(key: string, { expiresAt }: VerifiedToken): void {
    // A Map keeps the order in which its keys were added: the first entry is the oldest.
    const [oldest] = this.verified.keys();
    if (this.verified.size >= MAX_VERIFIED && oldest !== undefined) this.verified.delete(oldest);
    this.verified.set(key, expiresAt.getTime() + LEEWAY_SECONDS * 1000);
  }
}

/** First uses of tokens of one user wait for each other. */
function holderOf({ issuer, subject }: VerifiedToken): string {
  return `${issuer.issuer} ${subject}`;
}

/**
 * What the signature of a token is over, which tells it from other tokens. The signature does not: whoever has one can write others that
 * fit, since its last character has unused bits and ECDSA allows two numbers for one. A revoked token would come back with them.
 */
function signedPartOf(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}
