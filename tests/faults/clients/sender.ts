import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprint } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Random } from '../random.js';
import type { Chat, User } from '../world.js';
import type { Outcome } from './graphql-api.js';
import type { OutgoingMessage, SendPath, Written } from './send-paths.js';

export interface SenderOptions {
  user: User;
  path: SendPath;
  /** Where to send; each message to one of them. */
  chats: readonly Chat[];
  /** The services' ports. */
  ports: readonly number[];
  /** Milliseconds between an answer and the next message, on average. */
  pauseMs: number;
  /** Characters of a message. */
  contentLength: number;
  journal: Journal;
  random: Random;
}

/** How soon a send is repeated that was not answered, or answered with "try again". Milliseconds. */
const RETRY_MS = 100;

/**
 * Sends one message after the other, each with a nonce, and repeats it with this nonce on either service until it is
 * answered. Only then comes the next: so its own order is known.
 */
export class Sender {
  private stopped = false;
  private deadline = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  private sent = 0;

  constructor(private readonly options: SenderOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** No further message. Resolves when the last one is answered, or given up after `boundMs`. */
  async stop(boundMs: number): Promise<void> {
    this.stopped = true;
    this.deadline = performance.now() + boundMs;
    await this.running;
    this.options.path.close();
  }

  private async run(): Promise<void> {
    const { random, pauseMs } = this.options;
    while (!this.stopped) {
      await this.deliver(this.next());
      await sleep(pauseMs * (0.5 + random.next()));
    }
  }

  private next(): OutgoingMessage {
    const { user, chats, random, contentLength } = this.options;
    this.sent += 1;
    const nonce = `${user.name}-${this.sent}`;
    return { nonce, chat: random.pick(chats), content: `${nonce} `.padEnd(contentLength, '世界') };
  }

  private async deliver(message: OutgoingMessage): Promise<void> {
    const { journal, random, ports } = this.options;
    let service = random.int(0, ports.length);
    for (let attempt = 1; ; attempt += 1) {
      if (await this.attempt(message, attempt, service)) return;
      if (performance.now() > this.deadline) {
        journal.write({ type: 'send.abandoned', nonce: message.nonce });
        return;
      }
      await sleep(RETRY_MS);
      service = (service + 1) % ports.length;
    }
  }

  /** True when the message is settled. */
  private async attempt({ chat, content, nonce }: OutgoingMessage, attempt: number, service: number): Promise<boolean> {
    const { user, path, journal, ports } = this.options;
    const invoked = { user: user.id, chat: chat.id, nonce, content: fingerprint(content), edge: path.edge, service };
    journal.write({ type: 'send.invoked', ...invoked, attempt });
    const outcome = await path.send(ports[service] ?? 0, { chat, content, nonce });
    return this.write(outcome, nonce, attempt);
  }

  private write(outcome: Outcome<Written>, nonce: string, attempt: number): boolean {
    const { journal } = this.options;
    switch (outcome.kind) {
      case 'answered': {
        const { id: message, seq, content } = outcome.data;
        journal.write({ type: 'send.acknowledged', nonce, attempt, seq, message, content: fingerprint(content) });
        return true;
      }
      case 'refused':
        journal.write({ type: 'send.refused', nonce, attempt, code: outcome.code });
        return outcome.code !== 'SERVICE_UNAVAILABLE';
      case 'lost':
        journal.write({ type: 'send.lost', nonce, attempt, reason: outcome.reason });
        return false;
    }
  }
}
