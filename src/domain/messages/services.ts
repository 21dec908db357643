import type { ChatMutex } from '../chats/chat-mutex.js';
import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import { MessageChanges } from './message-changes.js';
import { MessageHistories } from './message-histories.js';
import { MessagePages } from './message-pages.js';
import { MessageRights } from './message-rights.js';
import { Messages } from './messages.js';
import { Pins } from './pins.js';
import { ReactionSummaries } from './reaction-summaries.js';
import { Reactions } from './reactions.js';

export interface MessageServices {
  messages: Messages;
  messagePages: MessagePages;
  messageChanges: MessageChanges;
  messageRights: MessageRights;
  messageHistories: MessageHistories;
  pins: Pins;
  reactions: Reactions;
}

export interface MessageOptions {
  /** How long after it was sent a message can be edited, in seconds. Default: no end. */
  editWindowSeconds?: number | undefined;
  /** How often summaries of reactions are made that no process has made at once, in milliseconds. Default: 1 s. */
  reactionSweepMs?: number;
}

const REACTION_SWEEP_MS = 1000;

/** Creates the services of this room. `close` waits for what is queued, and stops the summaries of reactions. */
export function messageServices(
  db: Database,
  mutex: ChatMutex,
  announce: Announce,
  onError: (error: unknown, doing: string) => void,
  { editWindowSeconds = Number.POSITIVE_INFINITY, reactionSweepMs = REACTION_SWEEP_MS }: MessageOptions,
): { messages: MessageServices; close: () => Promise<void> } {
  const summaries = new ReactionSummaries(db, announce, {
    sweepIntervalMs: reactionSweepMs,
    onError: (error) => onError(error, 'summarise reactions'),
  });
  const messages = new Messages(db, announce);
  const reactions = new Reactions(db, (places) => summaries.changed(places));
  const services = {
    messages,
    reactions,
    messagePages: new MessagePages(db),
    messageChanges: new MessageChanges(db, mutex, announce, { editWindowSeconds }),
    messageRights: new MessageRights({ editWindowSeconds }),
    messageHistories: new MessageHistories(db),
    pins: new Pins(db),
  };
  const close = async () => {
    await Promise.all([messages.drain(), reactions.drain()]);
    await summaries.close();
  };
  return { messages: services, close };
}
