/** What opens the chats that catch up. */
export interface ChatsCatchingUp {
  /** Whether the inbox is open, and its sink has room. */
  readonly hasRoom: boolean;
  /** Whether the position has room to say what is to be said of the chat. */
  canTake(chatId: string): boolean;
  openWaiting(chatId: string): void;
  /** What was missed has been delivered. */
  live(): void;
}

/** Chats that catch up at the same time. */
const AT_ONCE = 8;

/** Lets the chats that have missed something catch up, a few at a time, in the order of their ids; and knows when all have. */
export class CatchingUp {
  /** Chats that are not open yet. */
  private waiting: string[] = [];
  private open = 0;
  private isLive = false;

  constructor(private readonly chats: ChatsCatchingUp) {}

  begin(chatIds: readonly string[]): void {
    this.waiting = [...chatIds].sort();
    this.goOn();
  }

  /** Opens further chats, as far as there is room. */
  goOn(): void {
    while (this.open < AT_ONCE && this.chats.hasRoom) {
      const [chatId] = this.waiting;
      // A gap is said when the chat is opened.
      if (chatId === undefined || !this.chats.canTake(chatId)) return;
      this.waiting.shift();
      this.open += 1;
      this.chats.openWaiting(chatId);
    }
  }

  /** A chat has caught up. */
  done(): void {
    this.open -= 1;
  }

  /** Says that what was missed has been delivered, once it has, and once after each `again`. */
  announce(): void {
    if (this.isLive || this.open > 0 || this.waiting.length > 0) return;
    this.isLive = true;
    this.chats.live();
  }

  /** The history was replaced: there will be another end of it. */
  again(): void {
    this.isLive = false;
  }

  stop(): void {
    this.waiting = [];
    this.open = 0;
  }
}
