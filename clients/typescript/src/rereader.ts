import { MESSAGES_AT_ONCE } from './api.js';
import type { ClientContext } from './context.js';
import type { ChatEvent } from './events.js';
import type { Message } from './messages.js';
import { persist } from './retry.js';

/** What is to be read again waits for others so long. Milliseconds. */
const WAIT_MS = 500;

/** Messages that an event does not tell whole, like what is unread in their threads: they are read again, some at once, a moment later. */
export interface Rereader {
  /** Looks for what an event, which was applied, does not tell. */
  check(event: ChatEvent): void;
  /** Reads a message again if it is shown. Without `always` only if it is not known whether a reaction is one's own. */
  add(id: string, always?: boolean): void;
}

/** @param find the message as it is shown; undefined for one that is not */
export function rereaderOf(
  chatId: string,
  context: ClientContext,
  find: (id: string) => Message | undefined,
  replace: (message: Message) => void,
): Rereader {
  const waiting = new Set<string>();

  const add = (id: string, always = false): void => {
    if (!always && !find(id)?.reactions.some(({ mine }) => mine === null)) return;
    if (waiting.size === 0) setTimeout(read, WAIT_MS);
    waiting.add(id);
  };

  const read = async (): Promise<void> => {
    const ids = [...waiting].slice(0, MESSAGES_AT_ONCE);
    for (const id of ids) waiting.delete(id);
    if (waiting.size > 0) setTimeout(read, WAIT_MS);
    const shown = ids.filter(find);
    if (shown.length === 0) return;
    const before = shown.map(find);
    // What is refused for good is of a chat that the user has left.
    const attempt = async () => (await import('./room-later.js')).readMessages(context, chatId, shown);
    const messages = await persist(attempt, context.patience).catch(() => []);
    messages.forEach((message, index) => {
      if (!message) return;
      // What was read may be from before an event that has come since.
      if (find(message.id) === before[index]) replace(message);
      else add(message.id, true);
    });
  };

  return {
    add,
    check(event) {
      if (event.type === 'message.reactions') add(event.messageId);
      else if ('message' in event) {
        add(event.message.id);
        // What the reply makes of its thread for the user.
        if (event.message.thread) add(event.message.thread.rootId, true);
      }
    },
  };
}
