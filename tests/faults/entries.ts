import { createHash } from 'node:crypto';

/** The transport of a client that sends, or asks. */
export type Edge = 'graphql' | 'raw';
/** The transport of a listener. */
export type StreamEdge = Edge | 'sse';
export type MessageChangeKind =
  | 'message.edited'
  | 'message.deleted'
  | 'message.reactions'
  | 'message.pinned'
  | 'message.unpinned';
export type ChangeKind = 'message.created' | MessageChangeKind | 'member.added' | 'member.updated' | 'member.removed';

/** The reactions with one emoji. */
export interface ReactionState {
  emoji: string;
  count: number;
  /** Those who reacted last, the newest first. Undefined where a client does not ask for them. */
  users?: string[];
}

/** A message as somebody saw it. What it does not have is left out. */
export interface MessageState {
  sender: string;
  /** `fingerprint` of the content; empty for a deleted message. */
  content: string;
  revision?: number;
  isDeleted?: true;
  /** Who pinned it. */
  pinnedBy?: string;
  /** The id of the message that it quotes. */
  replyTo?: string;
  /** The id of the root of the thread that it is in. */
  thread?: string;
  /** The users whom it names. */
  mentions?: string[];
  /** `fingerprint` of the object as JSON. */
  metadata?: string;
  reactions?: ReactionState[];
}

/** One change of a chat as anybody sees it: a listener, the history query, the database. */
export interface Change {
  seq: number;
  kind: ChangeKind;
  /** The message, or the user whom a change of membership is about. */
  subject: string;
  /** The message as the change shows it. */
  message?: MessageState;
  /** Where a change shows the reactions alone. */
  reactions?: ReactionState[];
  /** The message that `message` quotes, where a change shows it. */
  quote?: { id: string; message: MessageState };
  /** The marks (`marksIn`) in all that was delivered for the change. */
  marks?: string[];
}

/** A client is about to send; `attempt` counts from 1, and further attempts carry the same nonce. */
interface SendInvoked {
  type: 'send.invoked';
  user: string;
  /** A user may have several clients, each of which sends one message after the other. */
  client: string;
  chat: string;
  nonce: string;
  content: string;
  attempt: number;
  edge: Edge;
  service: number;
  /** The messages that it refers to: as quote, as root of its thread. */
  refersTo?: string[];
}

interface SendAcknowledged {
  type: 'send.acknowledged';
  nonce: string;
  attempt: number;
  seq: number;
  message: string;
  state: MessageState;
}

/** The service refused the message with this code, and this rule if it named one. */
interface SendRefused {
  type: 'send.refused';
  nonce: string;
  attempt: number;
  code: string;
  rule?: string | undefined;
}

/** There was no answer: the message may or may not have been stored. */
interface SendLost {
  type: 'send.lost';
  nonce: string;
  attempt: number;
  reason: string;
}

/** The client gave up, at the end of the run. */
interface SendAbandoned {
  type: 'send.abandoned';
  nonce: string;
}

/** What may be done to a message after it was sent. */
export type MessageAct = 'edit' | 'delete' | 'react' | 'take back' | 'pin' | 'unpin';

/** A client is about to change messages. */
export interface ChangeInvoked {
  type: 'change.invoked';
  /** Names the change; further attempts carry the same. */
  id: string;
  act: MessageAct;
  user: string;
  /** A user may have several clients, each of which makes one change after the other. */
  client: string;
  chat: string;
  /** The ids of the messages: one, or for a deletion several. */
  messages: string[];
  /** Of an edit: `fingerprint` of the new content. */
  content?: string | undefined;
  /** Of an edit: the revision that it is to replace. */
  revision?: number | undefined;
  /** Of a reaction. */
  emoji?: string | undefined;
  attempt: number;
  edge: Edge;
  service: number;
}

interface ChangeAcknowledged {
  type: 'change.acknowledged';
  id: string;
  attempt: number;
  /** The messages as the answer shows them, in the order of `messages`. */
  shown: { id: string; message: MessageState }[];
}

interface ChangeRefused {
  type: 'change.refused';
  id: string;
  attempt: number;
  code: string;
  rule?: string | undefined;
}

/** There was no answer: the messages may or may not have been changed. */
interface ChangeLost {
  type: 'change.lost';
  id: string;
  attempt: number;
  reason: string;
}

interface ChangeAbandoned {
  type: 'change.abandoned';
  id: string;
}

/** A listener connects, with the cursor it has. Each connection has a number of its own. */
interface StreamOpened {
  type: 'stream.opened';
  connection: number;
  listener: string;
  user: string;
  chat: string;
  edge: StreamEdge;
  service: number;
  after: string | null;
}

/** `hello`, which GraphQL does not have. */
interface StreamStarted {
  type: 'stream.started';
  connection: number;
  cursor: string;
}

interface StreamEvent extends Change {
  type: 'stream.event';
  connection: number;
  cursor: string;
}

/** `live`, which GraphQL does not have. */
interface StreamLive {
  type: 'stream.live';
  connection: number;
  cursor: string;
}

interface StreamReset {
  type: 'stream.reset';
  connection: number;
  cursor: string;
}

/** The service refused the connection: an HTTP status or a GraphQL error code. */
interface StreamRefused {
  type: 'stream.refused';
  connection: number;
  code: string;
}

/** A WebSocket's close code, or `complete` for a GraphQL operation that the service ended. */
interface StreamClosed {
  type: 'stream.closed';
  connection: number;
  code: string;
  reason: string;
}

/** A client has read the first page of its inbox: what it has of each of its chats, and the position to stream from. */
interface InboxBegan {
  type: 'inbox.began';
  listener: string;
  user: string;
  /** `fingerprint` of the position, as of all positions. */
  position: string;
  chats: { chat: string; cursor: string }[];
}

/** A client of an inbox connects, with the position it has. Its connections are counted with those of listeners. */
interface InboxOpened {
  type: 'inbox.opened';
  connection: number;
  listener: string;
  user: string;
  edge: StreamEdge;
  service: number;
  after: string | null;
  maxMissed: number;
}

/** `hello`, which GraphQL does not have. */
interface InboxStarted {
  type: 'inbox.started';
  connection: number;
  position: string;
}

interface InboxEvent extends Change {
  type: 'inbox.event';
  connection: number;
  position: string;
  chat: string;
  cursor: string;
}

/** What lies between the cursors was missed, and is not sent. */
interface InboxGap {
  type: 'inbox.gap';
  connection: number;
  position: string;
  chat: string;
  after: string;
  cursor: string;
}

/** The present state of a chat for its member. */
interface InboxState {
  type: 'inbox.state';
  connection: number;
  position: string;
  chat: string;
}

/** `live`, which GraphQL does not have. */
interface InboxLive {
  type: 'inbox.live';
  connection: number;
  position: string;
}

interface InboxReset {
  type: 'inbox.reset';
  connection: number;
  position: string;
}

/** The client of an inbox has had its time to get everything, at the end of the run. */
interface InboxFinished {
  type: 'inbox.finished';
  listener: string;
}

interface MembershipInvoked {
  type: 'membership.invoked';
  change: 'added' | 'removed';
  user: string;
  chat: string;
}

interface MembershipAcknowledged {
  type: 'membership.acknowledged';
  change: 'added' | 'removed';
  user: string;
  chat: string;
}

/** `horizon`: a transaction stays open, and nothing is broken. */
export type FaultTarget = 'service' | 'postgres' | 'redis' | 'bus' | 'clients' | 'horizon';

/** A fault. Clients may notice it from `began` on. At `ended` it is repaired: the server answers, bytes flow. */
interface FaultBegan {
  type: 'fault.began';
  fault: number;
  name: string;
  target: FaultTarget;
  /** Of a service. */
  service?: number;
  /** Of clients: the listeners concerned. */
  listeners?: string[];
}

/** Enough was written since the beginning of a stall to fill all buffers. */
interface FaultFilled {
  type: 'fault.filled';
  fault: number;
}

interface FaultEnded {
  type: 'fault.ended';
  fault: number;
}

/** A service process ended although the harness had not killed it. */
interface ServiceExited {
  type: 'service.exited';
  service: number;
  how: string;
}

/** A listener's last cursor and its chat's head, at the end of the run. */
interface ListenerFinished {
  type: 'listener.finished';
  listener: string;
  chat: string;
  seq: number;
  head: number;
}

/** What the history query of one service answers, all pages together. */
interface History {
  type: 'history';
  chat: string;
  service: number;
  changes: Change[];
}

/** All faults are repaired. From now on a delay is the service's fault. */
interface FaultsOver {
  type: 'faults.over';
}

/** What a journal holds, one JSON line each. `at`: milliseconds since its beginning. */
export type Entry = { at: number } & (
  | SendInvoked
  | SendAcknowledged
  | SendRefused
  | SendLost
  | SendAbandoned
  | ChangeInvoked
  | ChangeAcknowledged
  | ChangeRefused
  | ChangeLost
  | ChangeAbandoned
  | StreamOpened
  | StreamStarted
  | StreamEvent
  | StreamLive
  | StreamReset
  | StreamRefused
  | StreamClosed
  | InboxBegan
  | InboxOpened
  | InboxStarted
  | InboxEvent
  | InboxGap
  | InboxState
  | InboxLive
  | InboxReset
  | InboxFinished
  | MembershipInvoked
  | MembershipAcknowledged
  | FaultBegan
  | FaultFilled
  | FaultEnded
  | ServiceExited
  | ListenerFinished
  | History
  | FaultsOver
);

type WithoutTime<Each> = Each extends unknown ? Omit<Each, 'at'> : never;
/** An entry whose time the journal adds. */
export type NewEntry = WithoutTime<Entry>;
export type EntryOf<Type extends Entry['type']> = Extract<Entry, { type: Type }>;

const MAX_LITERAL = 80;

/** How the journal stores a content: a short one as it is, a long one as its length and hash. */
export function fingerprint(content: string): string {
  if (content.length <= MAX_LITERAL) return content;
  return `${content.length} characters, ${createHash('sha256').update(content).digest('base64url').slice(0, 12)}`;
}

/**
 * The marks in a text: every content and all metadata of a round begin with the nonce or the id of what wrote them and a space, so
 * that it is found wherever it is kept. A nonce by itself is no mark.
 */
export function marksIn(text: string): string[] {
  return text.match(MARK) ?? [];
}

/** The mark of what this nonce or id writes. */
export function markOf(id: string): string {
  return `${id} `;
}

const MARK = /[a-z]+-(?:[a-z0-9]+-)*\d+ /g;
