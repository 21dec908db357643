import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from '../journal.js';
import type { Random } from '../random.js';
import type { Chat, User } from '../world.js';
import { ask } from './graphql-api.js';

/** A user who comes and goes in one chat. */
export interface Guest {
  user: User;
  chat: Chat;
}

type Change = 'added' | 'removed';

/** Makes a change without the service, after so many milliseconds. It may or may not have been made when this fails. */
export type ChangeByHand = (change: Change, guest: Guest, forMs: number) => Promise<void>;

export interface MembershipChangesOptions {
  admin: User;
  /** Who comes and goes, and where. */
  guests: readonly Guest[];
  ports: readonly number[];
  /** Milliseconds between two changes, on average. */
  pauseMs: number;
  /** How often the change is of whom the last one was about: 0 to 1. */
  again: number;
  /** How often a change is made by hand: 0 to 1. */
  byHand: number;
  changeByHand: ChangeByHand;
  /** Whether those who are absent in the end are added again. */
  returns: boolean;
  journal: Journal;
  random: Random;
}

const REMOVE = 'mutation ($user: ID!, $chat: ID!) { removeUserFromChat(userId: $user, chatId: $chat) }';
const ADD = 'mutation ($user: ID!, $chat: ID!) { assignUserToChat(userId: $user, chatId: $chat) { joinedAt } }';
const RETRY_MS = 100;
/** The longest transaction in which a change is made by hand. */
const BY_HAND_MS = 400;

/** An admin who removes guests from their chats and adds them again, each change repeated until it is answered; some by hand. */
export class MembershipChanges {
  private stopped = false;
  private deadline = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  private readonly absent = new Set<Guest>();
  private last: Guest | undefined;

  constructor(private readonly options: MembershipChangesOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Adds again who is absent, if so chosen. Resolves when that is done, or given up after `boundMs`. */
  async stop(boundMs: number): Promise<void> {
    this.stopped = true;
    this.deadline = performance.now() + boundMs;
    await this.running;
    if (!this.options.returns) return;
    for (const guest of [...this.absent]) await this.change('added', guest);
  }

  private async run(): Promise<void> {
    const { random, guests, pauseMs, again } = this.options;
    while (!this.stopped) {
      await sleep(pauseMs * (0.5 + random.next()));
      const guest = this.last && random.chance(again) ? this.last : random.pick(guests);
      this.last = guest;
      await this.change(this.absent.has(guest) ? 'added' : 'removed', guest);
    }
  }

  private async change(change: Change, guest: Guest): Promise<void> {
    const { user, chat } = guest;
    const { journal, random, ports, admin } = this.options;
    journal.write({ type: 'membership.invoked', change, user: user.id, chat: chat.id });
    for (let isMade = await this.isMadeByHand(change, guest); !isMade; ) {
      const origin = `http://127.0.0.1:${random.pick(ports)}`;
      const document = change === 'added' ? ADD : REMOVE;
      const { kind } = await ask(origin, admin.token, document, { user: user.id, chat: chat.id });
      isMade = kind === 'answered';
      if (!isMade && performance.now() > this.deadline) return;
      if (!isMade) await sleep(RETRY_MS);
    }
    journal.write({ type: 'membership.acknowledged', change, user: user.id, chat: chat.id });
    if (change === 'removed') this.absent.add(guest);
    else this.absent.delete(guest);
  }

  /** Without the database nothing is known of the change, and it is repeated. */
  private async isMadeByHand(change: Change, guest: Guest): Promise<boolean> {
    const { random, byHand, changeByHand } = this.options;
    if (!random.chance(byHand)) return false;
    return changeByHand(change, guest, random.int(0, BY_HAND_MS)).then(
      () => true,
      () => false,
    );
  }
}
