import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import { MessagePages } from './message-pages.js';
import { Messages } from './messages.js';

export interface MessageServices {
  messages: Messages;
  messagePages: MessagePages;
}

export function messageServices(db: Database, announce: Announce): MessageServices {
  return { messages: new Messages(db, announce), messagePages: new MessagePages(db) };
}
