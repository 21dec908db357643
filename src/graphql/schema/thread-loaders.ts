import DataLoader from 'dataloader';
import type { Thread, ThreadPlace, ThreadState, Threads } from '../../domain/messages/threads.js';
import type { UserProfile } from '../../domain/profile.js';
import type { OperationBudget } from '../documents/operation-budget.js';

/** Batches an operation's reads of threads into one query per kind. The callers have checked access to the chats. */
export class ThreadLoaders {
  /** Null for a message that never had a reply. */
  private readonly threads: DataLoader<string, Thread | null>;
  private readonly states: DataLoader<string, ThreadState | null>;
  /** By how many participants are asked for. */
  private readonly participantsOf = new Map<number, DataLoader<string, UserProfile[]>>();

  constructor(
    private readonly service: Threads,
    private readonly budget: OperationBudget,
    userId: string | undefined,
  ) {
    this.threads = this.loader(
      (places) => service.at(places),
      (found) => found[0] ?? null,
    );
    this.states = this.loader(
      async (places) => (userId === undefined ? [] : service.states(userId, places)),
      (found) => found[0] ?? null,
    );
  }

  at(place: ThreadPlace): Promise<Thread | null> {
    return this.threads.load(keyOf(place));
  }

  /** Null when the viewer is no member of the chat. */
  state(place: ThreadPlace): Promise<ThreadState | null> {
    return this.states.load(keyOf(place));
  }

  participants(place: ThreadPlace, first: number): Promise<UserProfile[]> {
    let loader = this.participantsOf.get(first);
    if (!loader) {
      loader = this.loader(
        (places) => this.service.participants(places, first),
        (found) => found.map(({ user }) => user),
      );
      this.participantsOf.set(first, loader);
    }
    return loader.load(keyOf(place));
  }

  /** A batch reads nothing once the operation's budget is used up: the operation fails anyway. */
  private loader<Row extends ThreadPlace, Value>(
    read: (places: ThreadPlace[]) => Promise<Row[]>,
    pick: (rows: Row[]) => Value,
  ): DataLoader<string, Value> {
    return new DataLoader(async (keys) => {
      const rows = (await this.budget.read(() => read(keys.map(placeOf)))) ?? [];
      const found = new Map<string, Row[]>();
      for (const row of rows) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);
      return keys.map((key) => pick(found.get(key) ?? []));
    });
  }
}

function keyOf({ chatId, rootSeq }: ThreadPlace): string {
  return `${chatId} ${rootSeq}`;
}

function placeOf(key: string): ThreadPlace {
  const [chatId = '', rootSeq] = key.split(' ');
  return { chatId, rootSeq: Number(rootSeq) };
}
