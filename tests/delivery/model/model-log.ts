import type { LogReader } from '../../../src/delivery/shared-pages.js';
import { chatNotFound } from '../../../src/domain/errors.js';
import { type ChatEvent, type KnownEntry, messageOf, toEvent } from '../../../src/domain/log/chat-events.js';
import type { ChatHead, ReadPage } from '../../../src/domain/log/chat-log.js';
import { type ChatMessage, NO_EXTRAS } from '../../../src/domain/log/chat-message.js';

export const CHAT = '00000000-0000-7000-8000-000000000001';

/** A log in memory whose readings finish when the test says so: the moment of each is part of the history. */
export class ModelLog implements LogReader {
  epoch = 'e0';
  /** What each number was; the viewer is a member at first. */
  private kinds: Change[] = [];
  /** The changes of each message. */
  private readonly changes = new Map<number, { kind: Kind; at: number }[]>();
  private waiting: (() => void)[] = [];

  constructor(history: number) {
    for (let seq = 1; seq <= history; seq += 1) this.kinds.push({ kind: 'message' });
  }

  get lastSeq(): number {
    return this.kinds.length;
  }

  get isMember(): boolean {
    return this.kinds.findLast(({ kind }) => kind === 'removed' || kind === 'added')?.kind !== 'removed';
  }

  /** A change of a message that is not there any more is a message instead. @param back how many numbers before the newest it is */
  commit(kind: Kind, back = 0): KnownEntry {
    const of = this.lastSeq - back;
    const isPossible = this.kinds[of - 1]?.kind === 'message' && !this.isDeleted(of, this.lastSeq);
    if (isChange(kind) && isPossible) {
      this.kinds.push({ kind, of });
      this.changes.set(of, [...(this.changes.get(of) ?? []), { kind, at: this.lastSeq }]);
    } else {
      this.kinds.push({ kind: isChange(kind) ? 'message' : kind });
    }
    return this.entry(this.lastSeq, this.lastSeq);
  }

  /** A message in its state after the change `asOf`. Its text tells what it was and when. */
  message(seq: number, asOf: number): ChatMessage {
    const changes = this.changesOf(seq, asOf);
    const deletedAt = this.isDeleted(seq, asOf) ? AT : null;
    const content = deletedAt ? '' : `${seq} after ${changes.length} changes`;
    const id = `00000000-0000-7000-8000-${String(seq).padStart(12, '0')}`;
    const plain = { id, chatId: CHAT, seq, content, nonce: null, createdAt: AT, sender: user };
    if (changes.length === 0) return plain;
    return { ...plain, extras: { ...NO_EXTRAS, revision: changes.length, deletedAt } };
  }

  /** The numbers of the messages that are deleted, and those of their deletions. */
  get deletions(): { of: number; at: number }[] {
    return [...this.changes].flatMap(([of, changes]) =>
      changes.filter(({ kind }) => kind === 'message.deleted').map(({ at }) => ({ of, at })),
    );
  }

  private changesOf(seq: number, asOf: number) {
    return this.changes.get(seq)?.filter(({ at }) => at <= asOf) ?? [];
  }

  private isDeleted(seq: number, asOf: number): boolean {
    return this.changesOf(seq, asOf).some(({ kind }) => kind === 'message.deleted');
  }

  private entry(seq: number, asOf: number): KnownEntry {
    const change = this.kinds[seq - 1];
    if (!change) throw new Error(`Nothing has the number ${seq}.`);
    const { kind, of } = change;
    const base = { chatId: CHAT, epoch: this.epoch, seq, at: AT, actor: user };
    const membership = { role: 'member' as const, joinedAt: AT, mutedUntil: null };
    if (kind === 'removed') return { ...base, type: 'member.removed', subject: user };
    if (kind === 'added') return { ...base, type: 'member.added', subject: user, membership };
    const message = this.message(of ?? seq, asOf);
    return { ...base, type: isChange(kind) ? kind : 'message.created', message };
  }

  /** An older backup is restored, and its epochs are rotated as the manual says. */
  restore(lost: number, epoch: string): void {
    this.kinds = this.kinds.slice(0, Math.max(0, this.lastSeq - lost));
    for (const [seq, changes] of this.changes)
      this.changes.set(
        seq,
        changes.filter(({ at }) => at <= this.lastSeq),
      );
    this.epoch = epoch;
  }

  /** Lets a member in. */
  enter(): Promise<ChatHead> {
    return this.later(() => {
      if (!this.isMember) return chatNotFound();
      return this.head();
    }).then((seen) => {
      if (seen instanceof Error) throw seen;
      return seen;
    });
  }

  head(): ChatHead {
    return { chatId: CHAT, epoch: this.epoch, seq: this.lastSeq };
  }

  heads(): Promise<ChatHead[]> {
    return this.later(() => [this.head()]);
  }

  /** Now and then a page ends early, as one does that has enough bytes. */
  async page({ seq: head, epoch }: ChatHead, after: number, limit: number): Promise<ReadPage> {
    const read = () => {
      const most = after % 3 === 0 ? 2 : limit;
      const upTo = Math.min(head, after + most);
      const events: ChatEvent[] = [];
      for (let seq = after + 1; seq <= Math.min(upTo, this.lastSeq); seq += 1)
        events.push({ ...toEvent(this.entry(seq, this.lastSeq)), epoch });
      return { events, upTo, asOf: this.lastSeq };
    };
    const first = await this.later(read);
    if (epoch !== this.epoch) return first;
    // Messages with extras are read by a second statement, which sees what was committed in between. The others stay as they were.
    const isPlain = (event: ChatEvent | undefined) => event && !messageOf(event)?.extras;
    const { events, asOf } = read();
    return {
      ...first,
      events: first.events.map((event, at) => (isPlain(event) ? event : (events[at] ?? event))),
      asOf,
    };
  }

  /** Lets a reading under way finish; they may overtake each other. */
  finishOne(which = 0): void {
    for (const finish of this.waiting.splice(which % Math.max(1, this.waiting.length), 1)) finish();
  }

  get reading(): boolean {
    return this.waiting.length > 0;
  }

  /** What a reading sees is what was committed when it began. */
  private later<T>(read: () => T): Promise<T> {
    const seen = read();
    return new Promise((resolve) => this.waiting.push(() => resolve(seen)));
  }
}

export const ageOf = (epoch: string) => Number(epoch.slice(1));

export const CHANGES = ['message.edited', 'message.deleted', 'message.reactions'] as const;
export type Kind = 'message' | 'removed' | 'added' | (typeof CHANGES)[number];
/** `of` is the number of the message that is changed. */
export type Change = { kind: Kind; of?: number };

export function isChange(kind: Kind): kind is (typeof CHANGES)[number] {
  return CHANGES.some((change) => change === kind);
}

export const AT = '2026-01-01T00:00:00.000Z';

export const user = {
  ...{ id: '00000000-0000-7000-8000-000000000002', username: 'u', firstName: '', lastName: '' },
  ...{ role: 'user' as const, kind: 'human' as const, dateJoined: '2026-01-01T00:00:00.000Z' },
};
