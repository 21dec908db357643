import type { Attempts } from '../../credentials/attempts.js';
import { answerTimeoutMs, DATABASE_TIMEOUT_MS, type Database } from '../../database.js';
import { batched } from '../../queues/batched.js';
import { FairQueue } from '../../queues/fair-queue.js';
import type { Viewer } from '../../viewer.js';
import { type CodeRedemption, type CodeResult, createCode, type NewCode, redeemCode } from './codes.js';
import { type ExchangeRequest, type ExchangeResult, exchange, type TokensOfIssuers } from './exchange.js';
import { type DeletedRows, deleteExpired, deleteExpiredStep } from './expired.js';
import { describeTokens, type TokenDescription } from './introspect.js';
import {
  type IssuedTokens,
  issueFamily,
  type NewFamily,
  type TokenLifetimes,
  trimFamilies,
  trimFamiliesOfIssuers,
} from './issue.js';
import { hashToken, isToken } from './opaque-token.js';
import { endSignInsOfUser, removeClient, revokeByToken } from './revoke.js';
import { type RefreshRequest, type RotationResult, rotate } from './rotate.js';
import { createSocketTicket, redeemSocketTickets } from './tickets.js';
import { codeClients, refreshTokenOwners, tokenClients } from './token-owners.js';
import { aliveFamilies, type FamilyHolder, viewersOf } from './viewers.js';

/**
 * Opaque tokens; the database stores only their hashes. A sign-in starts a family: an access token, a chain of refresh tokens, and
 * the sockets opened with them. Revocation ends the whole family. Rotation replaces its tokens and leaves its sockets open.
 */
export class Tokens {
  private readonly viewers = batched((hashes: readonly Buffer[]) => viewersOf(this.db, hashes));
  private readonly refreshTokenOwners = batched((hashes: readonly Buffer[]) => refreshTokenOwners(this.db, hashes));
  private readonly codeClients = batched((hashes: readonly Buffer[]) => codeClients(this.db, hashes));
  private readonly tokenClients = batched((hashes: readonly Buffer[]) => tokenClients(this.db, hashes));
  private readonly descriptions = batched((hashes: readonly Buffer[]) => describeTokens(this.db, hashes));
  private readonly tickets = batched((hashes: readonly Buffer[]) => redeemSocketTickets(this.db, hashes));
  /** Rotations of one family wait for each other here, not for a lock in PostgreSQL. Families take turns. */
  private readonly rotations = new FairQueue({
    parallel: 3,
    maxWaiting: 1000,
    maxWaitingPerKey: 100,
    timeoutMs: DATABASE_TIMEOUT_MS,
  });
  /** A user's tickets are created one after another, so that many of them occupy only one connection. */
  private readonly newTickets: FairQueue;

  /**
   * @param onRevoked called after COMMIT with the families that ended
   * @param onRotated called after COMMIT with a family whose tokens were rotated
   * @param attempts counts made-up tokens and codes per network; without it they are not limited
   * @param ofIssuers tokens of trusted issuers, which cannot be ours (`IssuerTokens`); undefined when none is trusted
   */
  constructor(
    private readonly db: Database,
    private readonly lifetimes: TokenLifetimes,
    private readonly onRevoked: (familyIds: string[]) => void,
    private readonly onRotated: (familyId: string) => void = () => {},
    private readonly attempts?: Attempts,
    private readonly ofIssuers?: TokensOfIssuers,
  ) {
    this.newTickets = new FairQueue({
      parallel: 3,
      maxWaiting: 2000,
      maxWaitingPerKey: 500,
      timeoutMs: answerTimeoutMs(db),
    });
  }

  /**
   * The viewer of an access token, our own or a trusted issuer's. Undefined when the token is malformed, unknown, expired or revoked, or
   * its user is not active.
   * @param address the IP address that the token came from, for counting invalid ones; undefined where the edge has its own limit
   * @throws DomainError `RATE_LIMITED` for an invalid token from a network that has sent too many; as `IssuerTokens.authenticate`
   */
  async authenticate(accessToken: string, address?: string): Promise<Viewer | undefined> {
    if (!isToken('access', accessToken)) return this.ofIssuers?.authenticate(accessToken);
    const viewer = (await this.viewers.add(hashToken(accessToken))) ?? undefined;
    if (!viewer) await this.countMadeUp(address);
    return viewer;
  }

  /** The viewer of the stored access token with this hash; null when it is not there, expired or revoked, or its user is not active. */
  viewerOf(hash: Buffer): Promise<Viewer | null> {
    return this.viewers.add(hash);
  }

  /** Ends a user's oldest families of trusted issuers' tokens beyond the limit of 1000. */
  async trimFamiliesOfIssuers(userId: string): Promise<void> {
    this.announce(await trimFamiliesOfIssuers(this.db, userId));
  }

  /**
   * Starts a family. Undefined when there is no such client or user, or the user is inactive, has changed their password or has another role.
   * @param accessTokenSeconds the lifetime of the access token; undefined for the usual one
   */
  async issue(
    family: NewFamily,
    accessTokenSeconds = this.lifetimes.accessTokenSeconds,
  ): Promise<(IssuedTokens & { expiresAt: Date }) | undefined> {
    const issued = await issueFamily(this.db, { ...this.lifetimes, accessTokenSeconds }, family);
    if (issued) this.announce(await trimFamilies(this.db, family.clientId, family.userId));
    return issued;
  }

  /** Whether there are tokens to exchange. */
  get hasTrustedIssuers(): boolean {
    return this.ofIssuers !== undefined;
  }

  /**
   * Exchanges a token of a trusted issuer for an access token of ours, of the user whom it names (RFC 8693).
   * @throws DomainError `SERVICE_UNAVAILABLE`, with the rule `temporarily_unavailable` while its issuer is away and its key not known
   */
  async exchange(request: ExchangeRequest): Promise<ExchangeResult> {
    if (!this.ofIssuers) return { outcome: 'refused' };
    return exchange(this.ofIssuers, request, this.lifetimes.accessTokenSeconds, (family, seconds) =>
      this.issue(family, seconds),
    );
  }

  /** Creates an authorization code for the user of a browser session, valid once and for 60 s. Undefined when the session has ended. */
  createCode(code: NewCode): Promise<string | undefined> {
    return createCode(this.db, code);
  }

  /** Exchanges an authorization code for a family. A second use of the code revokes the family of the first. */
  async redeemCode(redemption: CodeRedemption): Promise<CodeResult> {
    const { code, address } = redemption;
    if (!isToken('code', code)) return { outcome: 'refused' };
    if ((await this.codeClients.add(hashToken(code))) === null) {
      await this.countMadeUp(address);
      return { outcome: 'refused' };
    }
    const result = await redeemCode(this.db, this.lifetimes, redemption);
    if (result.outcome === 'reused') this.announce(result.familyIds);
    if (result.outcome === 'issued') this.announce(await trimFamilies(this.db, redemption.clientId, result.userId));
    return result;
  }

  /**
   * Exchanges a refresh token for new tokens and revokes the previous access token. A repeated request within the grace time gets the
   * same answer; after that, or once the successor was used, it revokes the family.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many rotations wait, or after 2 s (the client may then repeat the request);
   * `RATE_LIMITED` for a made-up token from a network that has sent too many
   */
  async rotate(request: RefreshRequest): Promise<RotationResult> {
    const { refreshToken, clientId, address } = request;
    if (!isToken('refresh', refreshToken)) return { outcome: 'refused' };
    const owner = await this.refreshTokenOwners.add(hashToken(refreshToken));
    if (!owner) await this.countMadeUp(address);
    if (owner?.clientId !== clientId) return { outcome: 'refused' };
    return this.rotations.run(owner.familyId, async () => {
      const result = await rotate(this.db, this.lifetimes, request);
      if (result.outcome === 'reused') this.onRevoked([result.familyId]);
      if (result.outcome === 'rotated') this.onRotated(result.familyId);
      return result;
    });
  }

  /**
   * Revokes the family of an access or refresh token of this client. Does nothing for an unknown token and for one of another client
   * (https://datatracker.ietf.org/doc/html/rfc7009#section-2.1).
   * @param address the IP address that the token came from, for counting made-up ones
   * @throws DomainError `RATE_LIMITED` for a made-up token from a network that has sent too many
   */
  async revoke(token: string, clientId: string, address?: string): Promise<void> {
    if (!isToken('access', token) && !isToken('refresh', token)) return;
    const owner = await this.tokenClients.add(hashToken(token));
    if (owner === null) await this.countMadeUp(address);
    if (owner !== clientId) return;
    this.announce(await revokeByToken(this.db, token, clientId));
  }

  /** Ends every sign-in of a user except the given one, with their browser sessions and unused authorization codes. */
  async revokeUserFamilies(userId: string, exceptFamilyId?: string): Promise<void> {
    this.announce(await endSignInsOfUser(this.db, userId, exceptFamilyId));
  }

  /** Deletes a client and everything that was issued to it or by it. False when there is no such client. */
  async removeClient(clientId: string): Promise<boolean> {
    const ended = await removeClient(this.db, clientId);
    this.announce(ended ?? []);
    return ended !== undefined;
  }

  /** The families among these that are neither revoked nor of an inactive user, with their users. One query. */
  aliveFamilies(familyIds: Iterable<string>): Promise<Map<string, FamilyHolder>> {
    return aliveFamilies(this.db, familyIds);
  }

  /** Describes an access or refresh token for introspection (RFC 7662); undefined when it is not active. */
  async describe(token: string): Promise<TokenDescription | undefined> {
    if (!isToken('access', token) && !isToken('refresh', token)) return undefined;
    return (await this.descriptions.add(hashToken(token))) ?? undefined;
  }

  /**
   * Creates a ticket that opens one socket in place of the viewer's token, valid once and for 30 s.
   * @throws DomainError `UNAUTHENTICATED` when the family has ended, `SERVICE_UNAVAILABLE` when too many requests wait or after
   * `answerTimeoutMs`
   */
  createSocketTicket(viewer: Viewer): Promise<string> {
    return this.newTickets.run(viewer.user?.id ?? viewer.familyId, () => createSocketTicket(this.db, viewer));
  }

  /** Redeems a ticket and returns its viewer; undefined when the ticket is invalid or used. */
  async redeemSocketTicket(ticket: string): Promise<Viewer | undefined> {
    if (!isToken('ticket', ticket)) return undefined;
    return (await this.tickets.add(hashToken(ticket))) ?? undefined;
  }

  /** Deletes all expired rows. May run at any time and in several processes. */
  deleteExpired(): Promise<DeletedRows> {
    return deleteExpired(this.db, this.lifetimes.refreshGraceSeconds);
  }

  /** One small step of `deleteExpired`, for `Sweeper`. */
  deleteExpiredStep(): Promise<DeletedRows> {
    return deleteExpiredStep(this.db);
  }

  /** @throws DomainError `RATE_LIMITED` when the network has sent too many made-up tokens. Real tokens are not counted or refused. */
  private async countMadeUp(address: string | undefined): Promise<void> {
    if (address === undefined || !this.attempts) return;
    await this.attempts.admit({ address });
    await this.attempts.failed({ address });
  }

  private announce(familyIds: string[]): void {
    if (familyIds.length > 0) this.onRevoked(familyIds);
  }
}
