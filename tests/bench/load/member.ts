import type { Chat, Person } from '../world/identities.js';
import type { Dialect } from './dialects/dialect.js';
import type { TargetAddress } from './job.js';
import type { Ledger } from './ledger.js';
import { SequenceCheck } from './sequence-check.js';
import { SequenceField, startsWith } from './sequence-field.js';
import { StreamConnection, type StreamListener } from './stream-connection.js';
import type { Tally } from './tally.js';

export interface MemberOptions {
  target: TargetAddress;
  dialect: Dialect;
  ledger: Ledger;
  person: Person;
  tally: Tally;
  /** A cursor to resume from. */
  after?: string;
}

const OPENING_PATIENCE_MS = 20_000;
/** Messages of one target look alike, whoever hears them. */
const sequenceField = new SequenceField();

/** One person's socket in one chat: hears everything, and may send. */
export class Member implements StreamListener {
  private socket: StreamConnection | undefined;
  private readonly check: SequenceCheck;
  private readonly chat: Chat;
  private onReady: () => void = () => {};
  private onLive: () => void = () => {};
  private readonly live = new Promise<void>((resolve) => {
    this.onLive = resolve;
  });

  private constructor(private readonly options: MemberOptions) {
    this.check = new SequenceCheck(options.target.ordered);
    this.chat = options.ledger.chat;
  }

  /** Resolves when the socket hears the chat, as far as the target says so. */
  static async open(options: MemberOptions): Promise<Member> {
    const member = new Member(options);
    await member.connect();
    options.tally.opened += 1;
    options.ledger.listeners += 1;
    return member;
  }

  /** Resolves when the message is acknowledged and every listener has it. */
  say(dueAt?: number): Promise<void> {
    const { dialect, ledger } = this.options;
    const { id, content, settled } = ledger.expect(dueAt);
    this.socket?.send(dialect.send(id, content));
    return settled;
  }

  /** Resolves when the history that was asked for is complete. */
  untilLive(): Promise<void> {
    return this.live;
  }

  /** Numbers that came early, at a target that does not keep the order. */
  get outOfOrder(): number {
    return this.check.outOfOrder;
  }

  /** True when everything up to `head` came. */
  hasAllUpTo(head: number): boolean {
    return this.check.isComplete(head);
  }

  /** The number that is due next; undefined before the first. */
  get next(): number | undefined {
    return this.check.next;
  }

  close(): void {
    this.socket?.destroy();
  }

  text(bytes: Buffer, start: number, end: number): void {
    try {
      for (const prefix of this.options.dialect.messagePrefixes)
        if (startsWith(bytes, start, prefix)) {
          this.message(bytes, start, end);
          return;
        }
      this.other(bytes.toString('utf8', start, end));
    } catch (error) {
      this.options.tally.invalidate(error instanceof Error ? error.message : String(error));
    }
  }

  closed(how: string): void {
    this.options.tally.invalidate(`A socket of ${this.chat.name} ended: ${how}.`);
  }

  private async connect(): Promise<void> {
    const { target, dialect, person, after } = this.options;
    const ready = new Promise<void>((resolve) => {
      this.onReady = resolve;
    });
    this.socket = await StreamConnection.open(target.port, dialect.upgrade(this.chat, person, after), this);
    const greeting = dialect.greeting(person);
    if (greeting !== undefined) this.socket.send(greeting);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`A socket of ${this.chat.name} got no greeting.`)),
        OPENING_PATIENCE_MS,
      );
    });
    try {
      await Promise.race([ready, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private message(bytes: Buffer, start: number, end: number): void {
    const { ledger, tally } = this.options;
    const seq = sequenceField.read(bytes, start, end);
    const wrong = this.check.take(seq);
    if (wrong === undefined) ledger.delivered(seq, bytes, start, end, performance.now());
    else tally.invalidate(`In ${this.chat.name} ${wrong}.`);
  }

  private other(text: string): void {
    const { dialect, ledger, person, tally } = this.options;
    const said = dialect.read(text, this.chat, person);
    switch (said.kind) {
      case 'ready':
        if (said.seq !== undefined) this.check.next = said.seq + 1;
        if (said.reply !== undefined) this.reply(said.reply);
        this.onReady();
        return;
      case 'reply':
        this.reply(said.reply);
        return;
      case 'acknowledged':
        ledger.acknowledged(said.id, said.seq);
        return;
      case 'live':
        this.onLive();
        return;
      case 'refused':
        tally.invalidate(`Refused: ${said.why}`);
        return;
    }
  }

  /** The first frame may come with the answer to the upgrade, before `open` has returned the socket. */
  private reply(text: string): void {
    setImmediate(() => this.socket?.send(text));
  }
}
