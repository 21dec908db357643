import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from '../journal.js';
import type { Random } from '../random.js';
import type { Chat, User } from '../world.js';
import { ask } from './graphql-api.js';

export interface MembershipChangesOptions {
  admin: User;
  /** Who comes and goes, and where. */
  guests: readonly { user: User; chat: Chat }[];
  ports: readonly number[];
  /** Milliseconds between two changes, on average. */
  pauseMs: number;
  journal: Journal;
  random: Random;
}

const REMOVE = 'mutation ($user: ID!, $chat: ID!) { removeUserFromChat(userId: $user, chatId: $chat) }';
const ADD = 'mutation ($user: ID!, $chat: ID!) { assignUserToChat(userId: $user, chatId: $chat) { joinedAt } }';
const RETRY_MS = 100;

/** An admin who removes guests from their chats and adds them again, each change repeated until it is answered. */
export class MembershipChanges {
  private stopped = false;
  private deadline = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  private readonly absent = new Set<string>();

  constructor(private readonly options: MembershipChangesOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Adds again who is absent. Resolves when that is done, or given up after `boundMs`. */
  async stop(boundMs: number): Promise<void> {
    this.stopped = true;
    this.deadline = performance.now() + boundMs;
    await this.running;
    for (const { user, chat } of this.options.guests)
      if (this.absent.has(user.id)) await this.change('added', user, chat);
  }

  private async run(): Promise<void> {
    const { random, guests, pauseMs } = this.options;
    while (!this.stopped) {
      await sleep(pauseMs * (0.5 + random.next()));
      const { user, chat } = random.pick(guests);
      await this.change(this.absent.has(user.id) ? 'added' : 'removed', user, chat);
    }
  }

  private async change(change: 'added' | 'removed', user: User, chat: Chat): Promise<void> {
    const { journal, random, ports, admin } = this.options;
    journal.write({ type: 'membership.invoked', change, user: user.id, chat: chat.id });
    for (;;) {
      const origin = `http://127.0.0.1:${random.pick(ports)}`;
      const document = change === 'added' ? ADD : REMOVE;
      const { kind } = await ask(origin, admin.token, document, { user: user.id, chat: chat.id });
      if (kind === 'answered') break;
      if (performance.now() > this.deadline) return;
      await sleep(RETRY_MS);
    }
    journal.write({ type: 'membership.acknowledged', change, user: user.id, chat: chat.id });
    if (change === 'removed') this.absent.add(user.id);
    else this.absent.delete(user.id);
  }
}
