import type { Chat } from '../world/identities.js';
import { InvalidRun, type Tally } from './tally.js';

/** Characters of a message. */
const CONTENT_LENGTH = 200;

interface Message {
  content: string;
  dueAt: number;
  /** As the sender was told. */
  acknowledgedSeq: number | undefined;
  /** As the first listener saw it, and the bytes of its frame, which everybody's must have. */
  seq: number | undefined;
  bytes: number;
  /** Listeners who do not have it yet. */
  awaited: number;
  settled: () => void;
}

let lastId = 0;

/** What was sent to one chat, and who has what of it. Each message's content is compared once, at its first listener. */
export class Ledger {
  /** Sockets that hear the chat. */
  listeners = 0;
  private readonly sent = new Map<number, Message>();
  private readonly bySeq = new Map<number, Message>();
  /** The highest number acknowledged. */
  head: number;

  constructor(
    readonly chat: Chat,
    private readonly tally: Tally,
    /** Numbers up to here were there before. */
    readonly base: number,
  ) {
    this.head = base;
  }

  /** A message that is due now or was a moment ago. `settled` once it is acknowledged and everybody has it. */
  expect(dueAt = performance.now()): { id: number; content: string; settled: Promise<void> } {
    lastId += 1;
    const id = lastId;
    const content = `${id} `.padEnd(CONTENT_LENGTH, 'x');
    const message: Message = {
      content,
      dueAt,
      acknowledgedSeq: undefined,
      seq: undefined,
      bytes: 0,
      awaited: this.listeners,
      settled: () => {},
    };
    const settled = new Promise<void>((resolve) => {
      message.settled = resolve;
    });
    this.sent.set(id, message);
    return { id, content, settled };
  }

  acknowledged(id: number, seq: number): void {
    const message = this.sent.get(id);
    if (!message || message.acknowledgedSeq !== undefined)
      throw new InvalidRun(`Message ${id} was acknowledged twice.`);
    if (!(seq > this.base)) throw new InvalidRun(`Message ${id} was acknowledged with the number ${seq}.`);
    message.acknowledgedSeq = seq;
    if (seq > this.head) this.head = seq;
    this.tally.acknowledged += 1;
    this.tally.answer.record(performance.now() - message.dueAt);
    this.settleIfDone(id, message);
  }

  /** One listener got the message with this number, in a frame whose text is `bytes` from `start` to `end`. */
  delivered(seq: number, bytes: Buffer, start: number, end: number, now: number): void {
    this.tally.deliveries += 1;
    // That was there before; its number is all that is known of it.
    if (seq <= this.base) return;
    const message = this.bySeq.get(seq) ?? this.firstCopy(seq, bytes, start, end);
    if (message.bytes !== end - start) throw new InvalidRun(`Listeners got message ${seq} in different forms.`);
    this.tally.delivery.record(now - message.dueAt);
    message.awaited -= 1;
    if (message.awaited === 0) this.settleIfDone(idOf(message.content), message);
  }

  /** Gives up on what not everybody has. */
  forgetUnsettled(): void {
    this.sent.clear();
    this.bySeq.clear();
  }

  private firstCopy(seq: number, bytes: Buffer, start: number, end: number): Message {
    const text = bytes.toString('utf8', start, end);
    const content = /"content":"([^"]*)"/.exec(text)?.[1] ?? '';
    const message = this.sent.get(idOf(content));
    if (message?.content !== content) throw new InvalidRun(`A message that nobody sent to ${this.chat.name}: ${text}`);
    if (message.seq !== undefined) throw new InvalidRun(`One message has the numbers ${message.seq} and ${seq}.`);
    message.seq = seq;
    message.bytes = end - start;
    this.bySeq.set(seq, message);
    return message;
  }

  private settleIfDone(id: number, message: Message): void {
    const { seq, acknowledgedSeq, awaited } = message;
    if (acknowledgedSeq === undefined || awaited > 0) return;
    if (seq !== undefined && seq !== acknowledgedSeq)
      throw new InvalidRun(`A message was acknowledged as ${acknowledgedSeq} and delivered as ${seq}.`);
    this.tally.messages += 1;
    // Nobody is owed it any more; a copy more would be a number that came twice.
    this.sent.delete(id);
    if (seq !== undefined) this.bySeq.delete(seq);
    message.settled();
  }
}

function idOf(content: string): number {
  return Number.parseInt(content, 10);
}
