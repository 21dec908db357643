import type { Chat, Person } from '../../world/identities.js';
import type { Upgrade } from '../stream-connection.js';

/** What a frame that is no message of the chat means. */
export type Said =
  /** The socket hears everything after `seq`; undefined when the target does not say where it begins. */
  | { kind: 'ready'; seq: number | undefined; reply?: string }
  | { kind: 'reply'; reply: string }
  | { kind: 'acknowledged'; id: number; seq: number }
  /** The history that was asked for is complete. */
  | { kind: 'live' }
  | { kind: 'refused'; why: string }
  | { kind: 'nothing' };

/** How to take part in one chat over a target's WebSocket, or to listen to it over an event stream. */
export interface Dialect {
  /** What the messages of a chat begin with. */
  readonly messagePrefixes: readonly Buffer[];
  upgrade(chat: Chat, person: Person, after: string | undefined): Upgrade;
  /** What the client says first, if it does. */
  greeting(person: Person): string | undefined;
  read(text: string, chat: Chat, person: Person): Said;
  /** `id` comes back with the acknowledgement. */
  send(id: number, content: string): string;
}

export const NOTHING: Said = { kind: 'nothing' };
