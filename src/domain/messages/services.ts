import type { ChatMutex } from '../chats/chat-mutex.js';
import type { DirectReads } from '../chats/direct-reads.js';
import { type AdminReading, type LargeChats, MENTION_ALL_LIMIT } from '../chats/rights.js';
import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatLog } from '../log/chat-log.js';
import { AccessExplanations } from './access-explanations.js';
import { IncomingHooks } from './incoming-hooks.js';
import { MentionLists } from './mention-lists.js';
import { MessageChanges } from './message-changes.js';
import { MessageHistories } from './message-histories.js';
import { MessagePages } from './message-pages.js';
import { MessageRights } from './message-rights.js';
import { Messages } from './messages.js';
import { Pins } from './pins.js';
import { ReactionSummaries } from './reaction-summaries.js';
import { Reactions } from './reactions.js';
import { SenderDeletions } from './sender-deletions.js';
import type { OnStateChanged } from './state-changed.js';
import { Threads } from './threads.js';

export interface MessageServices {
  messages: Messages;
  messagePages: MessagePages;
  messageChanges: MessageChanges;
  senderDeletions: SenderDeletions;
  messageRights: MessageRights;
  accessExplanations: AccessExplanations;
  messageHistories: MessageHistories;
  pins: Pins;
  reactions: Reactions;
  threads: Threads;
  mentionLists: MentionLists;
  incomingHooks: IncomingHooks;
}

export interface MessageOptions extends AdminReading, LargeChats {
  /** How long after it was sent a message can be edited, in seconds. Default: no end. */
  editWindowSeconds?: number | undefined;
  /** How often summaries of reactions are made that no process has made at once, in milliseconds. Default: 1 s. */
  reactionSweepMs?: number;
  /** For how long the call that bans somebody deletes their messages, and each turn behind it, in milliseconds. Default: 1 s. */
  senderDeletionMs?: number;
  /** See `SendOptions`. Default: 50. */
  botSendsPerSecond?: number | undefined;
}

const BOT_SENDS_PER_SECOND = 50;
const REACTION_SWEEP_MS = 1000;
const SENDER_DELETION_MS = 1000;
const SENDER_DELETION_SWEEP_MS = 2000;

/** Creates the services of this room. `close` waits for what is queued, and stops the summaries of reactions. */
export function messageServices(
  db: Database,
  chatLog: ChatLog,
  directReads: DirectReads,
  mutex: ChatMutex,
  announce: Announce,
  onStateChanged: OnStateChanged,
  onError: (error: unknown, doing: string) => void,
  {
    editWindowSeconds = Number.POSITIVE_INFINITY,
    reactionSweepMs = REACTION_SWEEP_MS,
    senderDeletionMs = SENDER_DELETION_MS,
    mentionAllLimit = MENTION_ALL_LIMIT,
    botSendsPerSecond = BOT_SENDS_PER_SECOND,
    ...adminReading
  }: MessageOptions,
): { messages: MessageServices; close: () => Promise<void> } {
  const summaries = new ReactionSummaries(db, announce, {
    sweepIntervalMs: reactionSweepMs,
    onError: (error) => onError(error, 'summarise reactions'),
  });
  const messages = new Messages(db, announce, onStateChanged, { mentionAllLimit, botSendsPerSecond });
  const reactions = new Reactions(db, (places) => summaries.changed(places));
  const messageChanges = new MessageChanges(db, mutex, announce, { editWindowSeconds });
  const senderDeletions = new SenderDeletions(db, messageChanges, {
    turnMs: senderDeletionMs,
    intervalMs: SENDER_DELETION_SWEEP_MS,
    onError: (error) => onError(error, 'delete the messages of a banned user'),
  });
  const messageRights = new MessageRights({ editWindowSeconds });
  const services = {
    messages,
    reactions,
    messagePages: new MessagePages(db, adminReading, directReads),
    messageChanges,
    senderDeletions,
    messageRights,
    accessExplanations: new AccessExplanations(db, chatLog, messageRights, { mentionAllLimit }),
    messageHistories: new MessageHistories(db),
    pins: new Pins(db),
    threads: new Threads(db, adminReading, onStateChanged),
    mentionLists: new MentionLists(db),
    incomingHooks: new IncomingHooks(db, mutex, messages),
  };
  const close = async () => {
    await Promise.all([messages.drain(), messageChanges.drain(), reactions.drain(), senderDeletions.close()]);
    await summaries.close();
  };
  return { messages: services, close };
}
