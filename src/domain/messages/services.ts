import type { ChatMutex } from '../chats/chat-mutex.js';
import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import { MessageChanges } from './message-changes.js';
import { MessageHistories } from './message-histories.js';
import { MessagePages } from './message-pages.js';
import { MessageRights } from './message-rights.js';
import { Messages } from './messages.js';
import { Pins } from './pins.js';

export interface MessageServices {
  messages: Messages;
  messagePages: MessagePages;
  messageChanges: MessageChanges;
  messageRights: MessageRights;
  messageHistories: MessageHistories;
  pins: Pins;
}

export interface MessageOptions {
  /** How long after it was sent a message can be edited, in seconds. Default: no end. */
  editWindowSeconds?: number | undefined;
}

export function messageServices(
  db: Database,
  mutex: ChatMutex,
  announce: Announce,
  { editWindowSeconds = Number.POSITIVE_INFINITY }: MessageOptions,
): MessageServices {
  return {
    messages: new Messages(db, announce),
    messagePages: new MessagePages(db),
    messageChanges: new MessageChanges(db, mutex, announce, { editWindowSeconds }),
    messageRights: new MessageRights({ editWindowSeconds }),
    messageHistories: new MessageHistories(db),
    pins: new Pins(db),
  };
}
