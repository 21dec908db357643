import DataLoader from 'dataloader';
import type { PlainMessage } from '../../domain/log/chat-message.js';
import type { ReaderPage, Readers } from '../../domain/mine/readers.js';
import type { UserProfile } from '../../domain/profile.js';
import type { OperationBudget } from '../documents/operation-budget.js';

interface ReaderPages {
  loader: DataLoader<PlainMessage, UserProfile[] | null, string>;
  maxRows: number;
}

/** As many as the longest page of messages has. */
const MAX_MESSAGES_AT_ONCE = 100;
const BY_PLACE = {
  cacheKeyFn: ({ chatId, seq }: PlainMessage) => `${chatId} ${seq}`,
  maxBatchSize: MAX_MESSAGES_AT_ONCE,
};

/** Batches an operation's reads of who has read messages. The callers have checked access to the chats. */
export class ReaderLoaders {
  private readonly counts: DataLoader<PlainMessage, number | null, string>;
  private readonly pages = new Map<string, ReaderPages>();

  constructor(
    private readonly service: Readers,
    private readonly budget: OperationBudget,
  ) {
    this.counts = new DataLoader((messages) => this.read(messages, () => service.counts(messages)), BY_PLACE);
  }

  /** How many members have read the message; null in a chat that is too large for receipts. */
  count(message: PlainMessage): Promise<number | null> {
    return this.counts.load(message);
  }

  /**
   * A page of the members who have read the message, batched with the same page of others; null as for `count`. At most `maxRows` users
   * are read for all messages of a batch: more would exceed the operation's budget.
   */
  page(message: PlainMessage, page: ReaderPage, maxRows: number): Promise<UserProfile[] | null> {
    const key = `${page.first} ${page.after}`;
    let pages = this.pages.get(key);
    if (!pages) {
      const made: ReaderPages = {
        loader: new DataLoader(
          (messages) => this.read(messages, () => this.service.list(messages, page, made.maxRows)),
          BY_PLACE,
        ),
        maxRows,
      };
      pages = made;
      this.pages.set(key, made);
    }
    pages.maxRows = Math.max(pages.maxRows, maxRows);
    return pages.loader.load(message);
  }

  /** A batch reads nothing once the operation's budget is used up: the operation fails anyway. */
  private async read<Value>(messages: readonly PlainMessage[], reading: () => Promise<(Value | null)[]>) {
    return (await this.budget.read(reading)) ?? messages.map(() => null);
  }
}
