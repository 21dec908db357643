import type { ChatEvent } from './events.js';
import { isObject, type JsonObject } from './json.js';
import type { Message } from './messages.js';
import { RECEIPTS } from './part-documents.js';
import type { Room } from './room.js';
import { type PartState, RoomPart } from './room-part.js';

/** By the ids of members: the number up to which each has read the main timeline, as far as the newest messages say. */
export type Reads = Readonly<Record<string, number>>;

export interface ReceiptsView extends PartState {
  /** Null in a chat that has more members than the service tells receipts of. */
  readonly reads: Reads | null;
}

interface Snapshot {
  cursor: string;
  reads: Reads | null;
}

/** Of so many messages, the newest, it is asked who has read them. */
const MESSAGES_ASKED = 20;

/** Who has read up to where. */
export function openReceipts(room: Room): Receipts {
  return new Receipts(room);
}

/** The ids of those who have read a message of the main timeline, without its sender. */
export function readersOf(reads: Reads | null, { seq, sender }: Pick<Message, 'seq' | 'sender'>): string[] {
  return Object.entries(reads ?? {})
    .filter(([userId, upTo]) => upTo >= seq && userId !== sender.id)
    .map(([userId]) => userId);
}

/** The read markers of a chat’s members, kept up to date while somebody listens. */
export class Receipts extends RoomPart<ReceiptsView, Snapshot> {
  /** What was told since the markers were asked for. */
  private recent: Reads = {};

  constructor(room: Room) {
    super(room, { status: 'loading', error: null, reads: {} });
  }

  protected async load(): Promise<Snapshot> {
    this.recent = {};
    const { chat, messages } = await this.request<{
      chat: { cursor: string };
      messages: { seq: number; threadRoot: object | null; readBy: { id: string }[] | null }[];
    }>(RECEIPTS, { last: MESSAGES_ASKED });
    const isTold = messages.every(({ readBy }) => readBy !== null);
    // A reply is read with its thread too, which says nothing of the main timeline. The oldest are first: of each reader the last one stays.
    const reads = messages
      .filter(({ threadRoot }) => threadRoot === null)
      .flatMap(({ seq, readBy }) => (readBy ?? []).map(({ id }) => [id, seq] as const));
    return { cursor: chat.cursor, reads: isTold ? Object.fromEntries(reads) : null };
  }

  protected loaded({ reads }: Snapshot): void {
    this.store.set({ ...this.get(), reads: reads && merged(reads, this.recent) });
  }

  protected apply(event: ChatEvent): void {
    // Whoever is back has a marker of before, which nobody tells.
    if (event.type === 'member.added') this.reload();
    if (event.type !== 'member.removed') return;
    const { [event.user.id]: gone, ...reads } = this.get().reads ?? {};
    if (gone !== undefined) this.store.set({ ...this.get(), reads });
  }

  protected override take({ type, reads }: JsonObject): void {
    if (type !== 'receipts' || !Array.isArray(reads)) return;
    const told = reads.filter(isObject).map(({ user, seq }) => [String(user), Number(seq)] as const);
    const news = Object.fromEntries(told);
    this.recent = merged(this.recent, news);
    const before = this.get().reads;
    if (before) this.store.set({ ...this.get(), reads: merged(before, news) });
  }

  protected override heard(): void {
    this.reload();
  }
}

/** Of each user the higher number. */
function merged(one: Reads, other: Reads): Reads {
  const higher = Object.entries(other).filter(([userId, seq]) => seq > (one[userId] ?? 0));
  return { ...one, ...Object.fromEntries(higher) };
}
