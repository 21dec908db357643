import type { ChatState } from '../../domain/mine/chat-states.js';
import type { ChangedState } from './inbox-sink.js';

/** What the delivery of states needs of its inbox. */
export interface StateReceiver {
  readonly isClosed: boolean;
  readStates(chatIds: readonly string[]): Promise<ChatState[]>;
  /** False when the inbox takes nothing now; it then finds out by itself which states are due. */
  takeStates(states: readonly ChangedState[]): boolean;
  statesFailed(error: unknown): void;
}

/** States of one read. */
const MAX_STATES = 100;

/** The states of chats that their member has changed, from the hint to the client: read when they are due, one read at a time. */
export class StateDelivery {
  /** By chat: whether states of threads in it may have changed too. */
  private readonly due = new Map<string, boolean>();
  private isReading = false;

  constructor(private readonly inbox: StateReceiver) {}

  /** Whether all states that are due have been delivered. */
  get isDone(): boolean {
    return this.due.size === 0 && !this.isReading;
  }

  add(chatIds: Iterable<string>, ofThreads: boolean): void {
    for (const chatId of chatIds) this.due.set(chatId, ofThreads || this.due.get(chatId) === true);
  }

  /** Forgets the chats that are not to be told of any more. */
  keep(isKept: (chatId: string) => boolean): void {
    for (const chatId of [...this.due.keys()]) if (!isKept(chatId)) this.due.delete(chatId);
  }

  /** Delivers what is due. What could not be read stays due until the states are checked. */
  async deliver(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.due.size > 0 && !this.inbox.isClosed) if (!(await this.deliverSome())) return;
    } catch (error) {
      this.inbox.statesFailed(error);
    } finally {
      this.isReading = false;
    }
  }

  private async deliverSome(): Promise<boolean> {
    const read = new Map([...this.due].slice(0, MAX_STATES));
    for (const chatId of read.keys()) this.due.delete(chatId);
    const states = await this.inbox.readStates([...read.keys()]).catch((error: unknown) => {
      for (const [chatId, ofThreads] of read) this.add([chatId], ofThreads);
      throw error;
    });
    return this.inbox.takeStates(states.map((state) => ({ state, ofThreads: read.get(state.chatId) ?? true })));
  }
}
