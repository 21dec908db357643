import { batched } from '../batched.js';
import type { Database } from '../database.js';
import type { Viewer } from '../viewer.js';
import { WorkLimit } from '../work-limit.js';
import { aliveFamilies, type FamilyHolder, holdersOf } from './access.js';
import { type CodeRedemption, type CodeResult, createCode, type NewCode, redeemCode } from './codes.js';
import { type Cleared, deleteExpired } from './expired.js';
import { describeToken, type TokenDescription } from './introspect.js';
import { type IssuedTokens, issueFamily, type NewFamily, type TokenLifetimes } from './issue.js';
import { hashToken, isToken } from './opaque-token.js';
import { removeClient, revokeByToken, revokeOfUser } from './revoke.js';
import { type RefreshRequest, type RotationResult, rotate } from './rotate.js';
import { createSocketTicket, redeemSocketTicket } from './tickets.js';

/**
 * Opaque tokens, of which only hashes are stored. All that one sign-in gets is a family: an access token, a chain of
 * refresh tokens, the sockets opened with them. Revocation ends a family as a whole; rotation replaces its tokens and
 * leaves its sockets alone.
 */
export class Tokens {
  private readonly holders = batched((hashes: readonly Buffer[]) => holdersOf(this.db, hashes));
  /** Rotations of one family wait for each other inside PostgreSQL; a flood of them must not hold every connection. */
  private readonly rotations = new WorkLimit({ parallel: 3, maxWaiting: 1000 });

  /**
   * `onRevoked` is told which families have ended, `onRotated` whose access token is another and whose sockets go on; both
   * after COMMIT.
   */
  constructor(
    private readonly db: Database,
    private readonly lifetimes: TokenLifetimes,
    private readonly onRevoked: (familyIds: string[]) => void,
    private readonly onRotated: (familyId: string) => void = () => {},
  ) {}

  /**
   * Who holds this access token now. Undefined for a token that is unknown, malformed, expired or revoked, or whose user is
   * not active. Tokens that come together are asked for together.
   */
  async authenticate(accessToken: string): Promise<Viewer | undefined> {
    if (!isToken('access', accessToken)) return undefined;
    return (await this.holders.add(hashToken(accessToken))) ?? undefined;
  }

  /**
   * Starts a family. Undefined when the client or the user is gone, the user is not active any more, or has another
   * password than the one that was checked.
   */
  issue(family: NewFamily): Promise<IssuedTokens | undefined> {
    return issueFamily(this.db, this.lifetimes, family);
  }

  /**
   * An authorization code for the user of a browser session, good once and for 60 s. Undefined when the session is over.
   */
  createCode(code: NewCode): Promise<string | undefined> {
    return createCode(this.db, code);
  }

  /** Exchanges an authorization code for a family. A second use ends the family of the first. */
  async redeemCode(redemption: CodeRedemption): Promise<CodeResult> {
    const result = await redeemCode(this.db, this.lifetimes, redemption);
    if (result.outcome === 'reused') this.tell(result.familyIds);
    return result;
  }

  /**
   * Exchanges a refresh token for new tokens and ends the access token before. Within the grace time a repetition gets
   * the same answer again, as often as it comes; after it, or once the successor was used, it ends the family.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many rotations wait already.
   */
  async rotate(request: RefreshRequest): Promise<RotationResult> {
    const result = await this.rotations.run(() => rotate(this.db, this.lifetimes, request));
    if (result.outcome === 'reused') this.onRevoked([result.familyId]);
    if (result.outcome === 'rotated') this.onRotated(result.familyId);
    return result;
  }

  /**
   * Ends the family of an access or refresh token of this client. A token that is unknown or another client's changes
   * nothing (https://datatracker.ietf.org/doc/html/rfc7009#section-2.1).
   */
  async revoke(token: string, clientId: string): Promise<void> {
    this.tell(await revokeByToken(this.db, token, clientId));
  }

  /** Ends every sign-in of a user, the given one excepted; with it browsers' sign-ins and codes that nobody used yet. */
  async revokeUserFamilies(userId: string, exceptFamilyId?: string): Promise<void> {
    this.tell(await revokeOfUser(this.db, userId, exceptFamilyId));
  }

  /** Removes a client and ends all that was issued to it. False when there is no such client. */
  async removeClient(clientId: string): Promise<boolean> {
    const ended = await removeClient(this.db, clientId);
    this.tell(ended ?? []);
    return ended !== undefined;
  }

  /** Of these families, those that are alive, with their users as they are now. One query. */
  aliveFamilies(familyIds: Iterable<string>): Promise<Map<string, FamilyHolder>> {
    return aliveFamilies(this.db, familyIds);
  }

  /** A description of an active token of either kind (RFC 7662). */
  describe(token: string): Promise<TokenDescription | undefined> {
    return describeToken(this.db, token);
  }

  /**
   * A key to one socket, good once and for 30 s, that stands for the viewer's token until that expires.
   * @throws DomainError `UNAUTHENTICATED` when the family has ended meanwhile.
   */
  createSocketTicket(viewer: Viewer): Promise<string> {
    return createSocketTicket(this.db, viewer);
  }

  /** The viewer of a ticket that was not redeemed before. */
  redeemSocketTicket(ticket: string): Promise<Viewer | undefined> {
    return redeemSocketTicket(this.db, ticket);
  }

  /** Removes what can never be used again. Safe at any time and from several processes. */
  deleteExpired(): Promise<Cleared> {
    return deleteExpired(this.db, this.lifetimes.refreshGraceSeconds);
  }

  private tell(familyIds: string[]): void {
    if (familyIds.length > 0) this.onRevoked(familyIds);
  }
}
