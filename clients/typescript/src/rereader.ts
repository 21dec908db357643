import { MESSAGES_AT_ONCE } from './api.js';
import type { ClientContext } from './context.js';
import type { ChatEvent } from './events.js';
import type { Message } from './messages.js';
import { persist } from './retry.js';

/** What is to be read again waits for others so long. Milliseconds. */
const WAIT_MS = 500;

export interface RereaderOptions {
  readonly chatId: string;
  readonly context: ClientContext;
  /** The message as it is shown; undefined for one that is not. */
  readonly find: (id: string) => Message | undefined;
  readonly replace: (message: Message) => void;
}

/** Messages that an event does not tell whole, like what is unread in their threads: they are read again, some at once, a moment later. */
export class Rereader {
  private readonly ids = new Set<string>();

  constructor(private readonly options: RereaderOptions) {}

  /** Looks for what an event, which was applied, does not tell. */
  check(event: ChatEvent): void {
    if (event.type === 'message.reactions') this.add(event.messageId);
    else if ('message' in event) {
      this.add(event.message.id);
      // What the reply makes of its thread for the user.
      if (event.message.thread) this.add(event.message.thread.rootId, true);
    }
  }

  /** Reads a message again if it is shown. Without `always` only if it is not known whether a reaction is one's own. */
  add(id: string, always = false): void {
    const message = this.options.find(id);
    if (!message || !(always || message.reactions.some(({ mine }) => mine === null))) return;
    if (this.ids.size === 0) this.readLater();
    this.ids.add(id);
  }

  private readLater(): void {
    setTimeout(() => void this.read(), WAIT_MS);
  }

  private async read(): Promise<void> {
    const { chatId, context, find, replace } = this.options;
    const ids = [...this.ids].slice(0, MESSAGES_AT_ONCE);
    for (const id of ids) this.ids.delete(id);
    if (this.ids.size > 0) this.readLater();
    const before = ids.map(find);
    // What is refused for good is of a chat that the user has left.
    const messages = await persist(() => context.api.messages(chatId, ids), context.patience).catch(() => []);
    messages.forEach((message, index) => {
      if (!message) return;
      // What was read may be from before an event that has come since.
      if (find(message.id) === before[index]) replace(message);
      else this.add(message.id, true);
    });
  }
}
