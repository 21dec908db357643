import type { IncomingHttpHeaders } from 'node:http';
import type { CheckedHead } from '../delivery/chat-streams.js';
import { DomainError } from '../domain/errors.js';
import { type Cursor, parseCursor } from '../domain/log/cursor.js';
import type { UserProfile } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import { BearerError } from '../plugins/bearer.js';
import type { Services } from '../plugins/services.js';
import { CHAT_PROTOCOL } from '../plugins/websocket/subprotocols.js';
import { type Credential, offeredSubprotocols, presentedCredential } from './credentials.js';

/** An upgrade that may open: the viewer, the chat, and the cursor that the client resumes from. */
export interface Admitted {
  viewer: Viewer;
  user: UserProfile;
  chat: { id: string; name: string };
  /** The result of the access check, so that the stream need not repeat it. */
  checked: CheckedHead;
  after: Cursor | undefined;
}

export interface UpgradeRequest {
  /** The chat's name, percent-decoded. */
  name: string;
  /** Path and query, undecoded. */
  url: string;
  headers: IncomingHttpHeaders;
}

export interface AdmissionOptions {
  /** Whether `?token=` is accepted. Proxies write URLs to their logs. */
  allowQueryToken: boolean;
}

/** Refuses an upgrade with an HTTP status. A missing or invalid token is a `BearerError` instead. */
export class UpgradeRefusal extends Error {
  override readonly name = 'UpgradeRefusal';

  constructor(
    readonly statusCode: 400 | 403 | 404,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The checks before a raw channel opens. Those that need no database come first. */
export class Admission {
  constructor(
    private readonly services: Pick<Services, 'chats' | 'tokens'>,
    private readonly options: AdmissionOptions,
  ) {}

  /**
   * A well-formed request uses up its ticket, even when the user may not reach the chat: that can only be checked for a known user.
   * @throws BearerError, UpgradeRefusal
   */
  async admit({ name, url, headers }: UpgradeRequest): Promise<Admitted> {
    const query = queryOf(url);
    checkSubprotocol(headers);
    const credential = presentedCredential(headers, query, this.options);
    const after = cursorAfter(query);
    if (!credential) throw BearerError.missing();
    const viewer = await this.redeem(credential);
    if (!viewer) throw BearerError.invalid();
    if (!viewer.scopes.has('read')) throw BearerError.scope('read');
    if (!viewer.user) throw new UpgradeRefusal(403, 'forbidden', 'This token belongs to a client, not to a user.');
    const askedAt = performance.now();
    const { chatId, name: chatName, epoch, seq } = await this.requireHead(viewer, name);
    const checked = { head: { chatId, epoch, seq }, askedAt };
    return { viewer, user: viewer.user, chat: { id: chatId, name: chatName }, checked, after };
  }

  private requireHead(viewer: Viewer, name: string) {
    return this.services.chats.requireHead(viewer, { name }).catch((error: unknown) => {
      const isNotFound = error instanceof DomainError && error.code === 'NOT_FOUND';
      throw isNotFound ? new UpgradeRefusal(404, 'not_found', error.message) : error;
    });
  }

  private redeem({ kind, secret }: Credential): Promise<Viewer | undefined> {
    const { tokens } = this.services;
    return kind === 'ticket' ? tokens.redeemSocketTicket(secret) : tokens.authenticate(secret);
  }
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1));
}

/** A client fails the connection when none of the subprotocols that it offers is selected. A 400 tells it why. */
function checkSubprotocol(headers: IncomingHttpHeaders): void {
  const offers = offeredSubprotocols(headers);
  if (offers.length > 0 && !offers.includes(CHAT_PROTOCOL))
    throw new UpgradeRefusal(400, 'bad_request', `The subprotocol of this channel is ${CHAT_PROTOCOL}.`);
}

function cursorAfter(query: URLSearchParams): Cursor | undefined {
  const [after, ...more] = query.getAll('after');
  if (after === undefined) return undefined;
  if (more.length > 0) throw new UpgradeRefusal(400, 'bad_request', 'after must be given once.');
  try {
    return parseCursor('after', after);
  } catch (error) {
    throw error instanceof DomainError ? new UpgradeRefusal(400, 'bad_request', error.message) : error;
  }
}
