import type { IncomingHttpHeaders } from 'node:http';
import type { CheckedHead } from '../../delivery/chat-streams.js';
import { DomainError } from '../../domain/errors.js';
import { type Cursor, parseCursor } from '../../domain/log/cursor.js';
import { type InboxPosition, parsePosition } from '../../domain/mine/inbox-position.js';
import { checkMaxMissed, DEFAULT_MAX_MISSED } from '../../domain/mine/max-missed.js';
import type { UserProfile } from '../../domain/profile.js';
import { checkSignalChats } from '../../domain/signals.js';
import type { Viewer } from '../../domain/viewer.js';
import { BearerError } from '../bearer.js';
import type { Services } from '../services.js';
import { type Credential, presentedCredential } from './credentials.js';

/** Who opens a stream. */
export interface AdmittedUser {
  viewer: Viewer;
  user: UserProfile;
}

/** A stream of a chat that may open: the viewer, the chat, and the cursor that the client resumes from. */
export interface Admitted extends AdmittedUser {
  chat: { id: string; name: string };
  /** The result of the access check, so that the stream need not repeat it. */
  checked: CheckedHead;
  after: Cursor | undefined;
}

/** An inbox that may open: the viewer, the position that the client resumes from, and how much it wants to be sent of a chat. */
export interface AdmittedToInbox extends AdmittedUser {
  after: InboxPosition | undefined;
  maxMissed: number;
  /** The chats whose signals it wants. */
  signals: readonly string[];
}

/** A request that opens a stream. */
export interface StreamRequest {
  /** Path and query, undecoded. */
  url: string;
  headers: IncomingHttpHeaders;
}

export interface ChatStreamRequest extends StreamRequest {
  /** The chat's name or its id, percent-decoded. */
  name: string;
}

export interface AdmissionOptions {
  /** Whether `?token=` is accepted. Proxies write URLs to their logs. */
  allowQueryToken: boolean;
}

/** Refuses a stream with an HTTP status. A missing or invalid token is a `BearerError` instead. */
export class StreamRefusal extends Error {
  override readonly name = 'StreamRefusal';

  constructor(
    readonly statusCode: 400 | 403 | 404,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The checks before a stream opens, on any transport but GraphQL. Those that need no database come first. */
export class Admission {
  constructor(
    private readonly services: Pick<Services, 'chats' | 'inboxStreams' | 'tokens'>,
    private readonly options: AdmissionOptions,
  ) {}

  /**
   * Admits a user to a chat. A well-formed request uses up its ticket, even when the user may not reach the chat: that can only be
   * checked for a known user.
   * @throws BearerError, StreamRefusal
   */
  async admitToChat({ name, ...request }: ChatStreamRequest): Promise<Admitted> {
    const query = queryOf(request.url);
    const { viewer, user, after } = await this.admit(request, query, (given) => parseCursor('after', given));
    const askedAt = performance.now();
    const { name: chatName, ...head } = await this.requireHead(viewer, name, after !== undefined);
    return { viewer, user, chat: { id: head.chatId, name: chatName }, checked: { head, askedAt }, after };
  }

  /**
   * Admits a user to their inbox.
   * @throws BearerError, StreamRefusal; DomainError `RATE_LIMITED`, rule `inbox.streams`, for a user with many inboxes
   */
  async admitToInbox(request: StreamRequest): Promise<AdmittedToInbox> {
    const query = queryOf(request.url);
    const maxMissed = parsed(query, 'maxMissed', parseMaxMissed) ?? DEFAULT_MAX_MISSED;
    const signals = parsed(query, 'signals', parseSignals) ?? [];
    const admitted = await this.admit(request, query, parsePosition);
    this.services.inboxStreams.requireRoom(admitted.user.id);
    return { ...admitted, maxMissed, signals };
  }

  private async admit<Position>(
    { headers }: StreamRequest,
    query: URLSearchParams,
    parse: (after: string) => Position,
  ) {
    const credential = presentedCredential(headers, query, this.options);
    const after = parsed(query, 'after', parse);
    if (!credential) throw BearerError.missing();
    const viewer = await this.redeem(credential);
    if (!viewer) throw BearerError.invalid();
    if (!viewer.scopes.has('read')) throw BearerError.scope('read');
    if (!viewer.user) throw new StreamRefusal(403, 'forbidden', 'This token belongs to a client, not to a user.');
    return { viewer, user: viewer.user, after };
  }

  private requireHead(viewer: Viewer, nameOrId: string, resumes: boolean) {
    const { chats } = this.services;
    const read = resumes ? chats.requireLog(viewer, { nameOrId }) : chats.requireHead(viewer, { nameOrId });
    return read.catch((error: unknown) => {
      const isNotFound = error instanceof DomainError && error.code === 'NOT_FOUND';
      throw isNotFound ? new StreamRefusal(404, 'not_found', error.message) : error;
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

/** The parameter of this name; undefined without one. @throws StreamRefusal */
function parsed<Value>(query: URLSearchParams, name: string, parse: (text: string) => Value): Value | undefined {
  const [text, ...more] = query.getAll(name);
  if (text === undefined) return undefined;
  if (more.length > 0) throw new StreamRefusal(400, 'bad_request', `${name} must be given once.`);
  try {
    return parse(text);
  } catch (error) {
    throw error instanceof DomainError ? new StreamRefusal(400, 'bad_request', error.message) : error;
  }
}

function parseMaxMissed(text: string): number {
  return checkMaxMissed(/^\d{1,6}$/.test(text) ? Number(text) : Number.NaN);
}

function parseSignals(text: string): string[] {
  return checkSignalChats('signals', text === '' ? [] : text.split(','));
}
