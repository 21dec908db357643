import { createHash } from 'node:crypto';

/** The transport of a client. */
export type Edge = 'graphql' | 'raw';
export type ChangeKind = 'message.created' | 'member.added' | 'member.removed';

/** One change of a chat as anybody sees it: a listener, the history query, the database. */
export interface Change {
  seq: number;
  kind: ChangeKind;
  /** The message, or the user whom a change of membership is about. */
  subject: string;
  /** Of a message. */
  sender?: string;
  /** Of a message: `fingerprint` of its content. */
  content?: string;
}

/** A client is about to send; `attempt` counts from 1, and further attempts carry the same nonce. */
interface SendInvoked {
  type: 'send.invoked';
  user: string;
  chat: string;
  nonce: string;
  content: string;
  attempt: number;
  edge: Edge;
  service: number;
}

interface SendAcknowledged {
  type: 'send.acknowledged';
  nonce: string;
  attempt: number;
  seq: number;
  message: string;
  content: string;
}

/** The service refused the message with this code. */
interface SendRefused {
  type: 'send.refused';
  nonce: string;
  attempt: number;
  code: string;
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

/** A listener connects, with the cursor it has. Each connection has a number of its own. */
interface StreamOpened {
  type: 'stream.opened';
  connection: number;
  listener: string;
  user: string;
  chat: string;
  edge: Edge;
  service: number;
  after: string | null;
}

/** Raw: `hello`. */
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

/** Raw: `live`. */
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

export type FaultTarget = 'service' | 'postgres' | 'redis' | 'bus' | 'clients';

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
  | StreamOpened
  | StreamStarted
  | StreamEvent
  | StreamLive
  | StreamReset
  | StreamRefused
  | StreamClosed
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
