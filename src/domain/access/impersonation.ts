import { type AuditAct, auditEntries } from '../audit.js';
import { type Database, query } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { isExternalId } from '../external-id.js';
import { GUEST_DAYS } from '../people/guests.js';
import type { GivenProfile, TokenHolder, UserUpserts } from '../people/user-upserts.js';
import { pickByUsername, whereUsername } from '../people/users.js';
import { PROFILE_FIELDS, toProfile, type UserProfile } from '../profile.js';
import { checkLength, rowError } from '../row-errors.js';
import { canonicalId } from '../text.js';
import { isAdmin, requireScope, requireUser, type Scope, type Viewer } from '../viewer.js';
import type { Clients, OAuthClient } from './clients.js';
import { isScope } from './scopes.js';
import type { Tokens } from './tokens/tokens.js';

/** Whom a token is for: exactly one of the three names. */
export interface TokenUser {
  id?: string | null | undefined;
  externalId?: string | null | undefined;
  username?: string | null | undefined;
  /** What the application knows of the user, who is made or changed accordingly. */
  profile?: GivenProfile | null | undefined;
  /** The user is a guest; made if there is none of this external id. */
  guest?: boolean | null | undefined;
}

export interface TokenRequest {
  user: TokenUser;
  /** Default: `read` and `write`, as far as the application has them. */
  scopes?: readonly string[] | null | undefined;
  /** Narrows the token to these chats, whether its user is a member or not. */
  chats?: readonly string[] | null | undefined;
  /** The token's lifetime in seconds. */
  expiresIn: number;
  /** The `client_id` of the application that the token belongs to. Default: the one that asks. */
  client?: string | null | undefined;
}

export interface IssuedToken {
  accessToken: string;
  expiresAt: Date;
  user: UserProfile;
}

/** Seconds. */
export const MIN_TOKEN_SECONDS = 60;
export const MAX_TOKEN_SECONDS = 86_400;
/** Most chats that a token is narrowed to. */
export const MAX_NARROWED_CHATS = 100;

const USER_FIELDS = { ...PROFILE_FIELDS, externalId: true, isActive: true } as const;
/** UTF-16 units. A username has at most half as many characters. */
const MAX_USERNAME = 300;
const REMEMBER_GUEST = {
  name: 'guest-remember',
  text: `UPDATE users SET forget_at = greatest(forget_at, now() + make_interval(days => ${GUEST_DAYS}, secs => $2))
    WHERE id = $1 AND kind = 'guest' AND is_active`,
};

/** Issues tokens of users to applications that have the grant `issue_token`: a product's backend signs its own people in. */
export class Impersonation {
  constructor(
    private readonly db: Database,
    private readonly clients: Pick<Clients, 'find'>,
    private readonly tokens: Pick<Tokens, 'issue'>,
    private readonly users: Pick<UserUpserts, 'upsertForToken'>,
  ) {}

  /**
   * Issues an access token of a user, without a refresh token. An application that acts for itself asks, by a token that it got by
   * `client_credentials`. A token is never a bot's; an admin's only if the application acts as an admin, and then it names its scopes and is not
   * narrowed to chats.
   * @throws DomainError `BAD_USER_INPUT`; `NOT_FOUND`, field `user`; `CONFLICT`, field `user.guest`, for a guest who is none, and as
   * `UserUpserts.upsertForToken`; `FORBIDDEN`, rules `token.grant`, `token.client`, `token.admin`, `user.bot` and `user.inactive`
   */
  async issue(viewer: Viewer, request: TokenRequest): Promise<IssuedToken> {
    const asking = await this.requireGrant(requireScope(viewer, 'write'));
    const client = await this.clientOf(asking, request.client);
    const { expiresIn } = request;
    if (!Number.isInteger(expiresIn) || expiresIn < MIN_TOKEN_SECONDS || expiresIn > MAX_TOKEN_SECONDS)
      throw badInput('expiresIn', `expiresIn must be ${MIN_TOKEN_SECONDS} to ${MAX_TOKEN_SECONDS} seconds.`);
    const scopes = scopesOf(client, request.scopes);
    const chatIds = request.chats == null ? undefined : checkChats(request.chats);
    const user = await this.userOf(request.user, viewer, (holder) => requireHolder(viewer, request, holder));
    const family = {
      ...{ clientId: client.id, userId: user.id, scopes, withRefreshToken: false, chatIds, role: user.role },
      issuedBy: asking.id,
      audit: auditEntries(viewer, [tokenIssued(user, request, { client, scopes, chatIds })]),
    };
    // Before the token is there: a guest who is forgotten at this moment has none.
    if (user.kind === 'guest') await query(this.db, REMEMBER_GUEST, [user.id, expiresIn]);
    const issued = await this.tokens.issue(family, expiresIn);
    if (!issued) throw notActive();
    return { accessToken: issued.accessToken, expiresAt: issued.expiresAt, user };
  }

  /**
   * The application that asks. A token of its bot can only be one that it got for itself: nobody signs in as a bot, and none is issued of one.
   * @throws DomainError `FORBIDDEN`, rule `token.grant`
   */
  private async requireGrant(viewer: Viewer): Promise<OAuthClient> {
    const client = viewer.clientId === null ? undefined : await this.clients.find(viewer.clientId);
    const isItself = client?.userId === requireUser(viewer).id;
    if (client?.grants.includes('issue_token') && isItself) return client;
    throw new DomainError(
      'FORBIDDEN',
      'Only an application with the grant issue_token may do this, by a token of its own.',
      {
        rule: 'token.grant',
      },
    );
  }

  /** @throws DomainError `BAD_USER_INPUT`, field `client`; `FORBIDDEN`, rule `token.client` */
  private async clientOf(asking: OAuthClient, id: string | null | undefined): Promise<OAuthClient> {
    if (id == null || id === asking.id) return asking;
    const client = await this.clients.find(id);
    if (!client) throw badInput('client', 'There is no such application.');
    const isOwn = client.userId !== null && client.userId === asking.userId;
    if (client.isPublic || isOwn) return client;
    throw new DomainError('FORBIDDEN', 'Tokens are issued for public applications and those with the same bot.', {
      field: 'client',
      rule: 'token.client',
    });
  }

  /** @param check throws for a user of whom there is no token, before anything of the user changes */
  private async userOf(
    { profile, guest, ...names }: TokenUser,
    by: Viewer,
    check: (user: TokenHolder) => void,
  ): Promise<UserProfile> {
    const { id, externalId, username } = names;
    if ([id, externalId, username].filter((name) => name != null).length !== 1)
      throw badInput('user', 'user must have one of id, externalId and username.');
    const known = await this.find(names);
    if (known) check(known);
    if (guest && known && known.kind !== 'guest') throw notGuest();
    // A guest stays one as long as the application says so.
    if (known && !profile) return toProfile(known);
    if (!known && (externalId == null || !(profile || guest))) throw noSuchUser();
    const named = known ? known.externalId : externalId;
    if (named == null) throw ofProfile('A profile is for users who have an external id.');
    if (profile?.externalId != null && profile.externalId !== named)
      throw ofProfile('The profile is of another external id than the user.');
    return this.users.upsertForToken({ ...profile, externalId: named }, { by, isGuest: guest ?? false, check });
  }

  private async find({ id, externalId, username }: Omit<TokenUser, 'profile' | 'guest'>) {
    if (username != null) return this.findByUsername(username);
    if (externalId != null && !isExternalId(externalId)) throw badInput('user', 'user.externalId is no external id.');
    const userId = canonicalId(id ?? '');
    if (externalId == null && userId === undefined) return null;
    const where = externalId == null ? { id: userId ?? '' } : { externalId };
    return this.db.prisma.user.findUnique({ where, select: USER_FIELDS });
  }

  private async findByUsername(username: string) {
    if (username.length > MAX_USERNAME || username.includes('\0') || !username.isWellFormed()) return null;
    const rows = await this.db.prisma.user.findMany({ where: whereUsername(username), select: USER_FIELDS });
    return pickByUsername(rows, username) ?? null;
  }
}

/** The act of the audit log. */
function tokenIssued(
  user: UserProfile,
  { expiresIn }: TokenRequest,
  { client, scopes, chatIds }: { client: OAuthClient; scopes: Scope[]; chatIds: string[] | undefined },
): AuditAct {
  const data = { client: client.id, scopes, expiresIn, ...(chatIds && { chats: chatIds }) };
  return { action: 'token.issued', target: user.id, data };
}

function ofProfile(message: string): DomainError {
  return rowError('user', 'profile', badInput('externalId', message));
}

/** @throws DomainError `BAD_USER_INPUT`, field `scopes` */
function scopesOf(client: OAuthClient, asked: readonly string[] | null | undefined): Scope[] {
  const allowed: Scope[] = client.scopes.filter((scope) => scope !== 'introspection');
  if (asked == null) return allowed;
  const scopes = asked.filter(isScope).filter((scope) => allowed.includes(scope));
  if (scopes.length === asked.length && scopes.length > 0) return [...new Set(scopes)];
  throw badInput('scopes', `scopes must be some of ${allowed.join(', ')}.`);
}

/** @throws DomainError `BAD_USER_INPUT`, field `chats` */
function checkChats(chats: readonly string[]): string[] {
  checkLength('chats', chats, MAX_NARROWED_CHATS);
  const ids = chats.map(canonicalId).filter((id) => id !== undefined);
  if (ids.length === 0 || ids.length < chats.length) throw badInput('chats', 'chats must be ids of chats.');
  return [...new Set(ids)];
}

/** @throws DomainError `FORBIDDEN`, rules `user.bot`, `token.admin` and `user.inactive` */
function requireHolder(viewer: Viewer, request: TokenRequest, { kind, role, isActive }: TokenHolder): void {
  if (kind === 'bot') throw new DomainError('FORBIDDEN', 'No token is issued of a bot.', { rule: 'user.bot' });
  if (role === 'admin') requireAdminsToken(viewer, request);
  if (!isActive) throw notActive();
}

/** @throws DomainError `FORBIDDEN`, rule `token.admin` */
function requireAdminsToken(viewer: Viewer, { scopes, chats }: TokenRequest): void {
  const refuse = (message: string) => new DomainError('FORBIDDEN', message, { rule: 'token.admin' });
  if (!isAdmin(viewer)) throw refuse('Only an application whose bot is an admin issues tokens of admins.');
  if (chats != null) throw refuse('A token of an admin cannot be narrowed to chats.');
  if (scopes == null) throw refuse('A token of an admin must name its scopes.');
}

function notActive(): DomainError {
  return new DomainError('FORBIDDEN', 'This user is not active.', { rule: 'user.inactive' });
}

function noSuchUser(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field: 'user' });
}

function notGuest(): DomainError {
  return new DomainError('CONFLICT', 'This user is no guest.', { field: 'user.guest' });
}
