import type { Invitation } from '../../domain/chats/invitations.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { ChatSignal } from '../../domain/signals.js';
import type { EventHolder } from '../event-holder.js';

/** More of a chat was missed than the client wants to be sent: it loads what lies between the cursors when it needs it. */
export interface Gap {
  chatId: string;
  after: Cursor;
  cursor: Cursor;
}

/** The present state of a chat for its member, which has changed. */
export interface ChangedState {
  state: ChatState;
  /** Whether it is, or may be, about threads of the chat: what the member follows, or has read of them. */
  ofThreads: boolean;
}

/**
 * The consumer of an inbox. Every position says what the client has once it has taken what came with it. The events that the sink holds
 * are replaced when their messages change.
 */
export interface InboxSink extends EventHolder {
  readonly holdsEvents: boolean;
  /** False while it is full: it then gets nothing until `resume()`, but for states. */
  readonly hasRoom: boolean;
  /** The next event of its chat. Events of different chats come in any order. */
  event(event: ChatEvent, position: string): void;
  /** The present state of a chat for its member, which the member has changed. */
  state(changed: ChangedState, position: string): void;
  /** An invitation as it is now, which has changed. One that has ended has expired. */
  invitation(invitation: Invitation, position: string): void;
  gap(gap: Gap, position: string): void;
  /** Takes a signal of a chat whose signals were asked for, or drops it when it is full. It has no position. */
  signal?(chatId: string, signal: ChatSignal): void;
  /** What was missed has been delivered; live events follow. Once, and once more after each `reset`. */
  live(position: string): void;
  /** The history of the deployment was replaced. The inbox continues from this position. */
  reset(position: string): void;
  /** Our fault. The client may resume. The last call. */
  failed(): void;
}
