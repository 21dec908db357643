import type { IncomingHttpHeaders } from 'node:http';
import type { Entrance } from '../delivery/chat-streams.js';
import { type Cursor, parseCursor } from '../domain/cursor.js';
import { DomainError } from '../domain/errors.js';
import type { UserProfile, Viewer } from '../domain/viewer.js';
import { BearerError } from '../plugins/bearer.js';
import type { Services } from '../plugins/services.js';
import { CHAT_PROTOCOL } from '../plugins/websocket/subprotocols.js';
import { type Credential, offeredSubprotocols, presentedCredential } from './credentials.js';

/** Who was let in, to which chat, and from where on the history is wanted. */
export interface Admitted {
  viewer: Viewer;
  user: UserProfile;
  chat: { id: string; name: string };
  /** Where the chat's history stood when the viewer was let in, and when that was asked. */
  entrance: Entrance;
  after: Cursor | undefined;
}

export interface UpgradeRequest {
  /** The chat's name, percent-decoded. */
  name: string;
  /** Path and query as they came. */
  url: string;
  headers: IncomingHttpHeaders;
}

export interface AdmissionOptions {
  /** Whether `?token=` counts. URLs end up in the logs of proxies. */
  allowQueryToken: boolean;
}

/** An upgrade that is answered with an HTTP status. Missing and bad tokens: `BearerError`. */
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

/** Everything that is asked before a raw channel opens. What needs no database comes first. */
export class Admission {
  constructor(
    private readonly services: Pick<Services, 'chats' | 'tokens'>,
    private readonly options: AdmissionOptions,
  ) {}

  /**
   * A ticket is spent as soon as the request is well formed, also when the chat then turns out not to be the user's: who
   * may know of the chat is not known before.
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
    const { chatId, name: chatName, epoch, seq } = await this.enter(viewer, name);
    const entrance = { head: { chatId, epoch, seq }, askedAt };
    return { viewer, user: viewer.user, chat: { id: chatId, name: chatName }, entrance, after };
  }

  private enter(viewer: Viewer, name: string) {
    return this.services.chats.entrance(viewer, { name }).catch((error: unknown) => {
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

/** A client that offers subprotocols fails the connection when none of them is selected; it is told why instead. */
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
