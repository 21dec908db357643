import type { Random } from '../random.js';

/** A message that was acknowledged to somebody. */
export interface Target {
  id: string;
  chat: string;
  sender: string;
  revision: number;
  /** The root of the thread that it is in. */
  thread: string | undefined;
}

/** The messages of a chat that are remembered. */
const REMEMBERED = 60;
/** Enough to see what is refused, and what repeats. */
const KEEP_DELETED = 0.15;

/** The newest messages of each chat, as their senders and changers were told: what changers may choose from. */
export class Targets {
  private readonly byChat = new Map<string, Map<string, Target>>();

  constructor(private readonly random: Random) {}

  /** Adds a message, or notes its newer revision. */
  add(target: Target): void {
    const targets = this.byChat.get(target.chat) ?? new Map<string, Target>();
    this.byChat.set(target.chat, targets);
    targets.set(target.id, target);
    const [oldest] = targets.keys();
    if (targets.size > REMEMBERED && oldest !== undefined) targets.delete(oldest);
  }

  /** A deleted message is mostly forgotten. */
  deleted({ chat, id }: Pick<Target, 'chat' | 'id'>): void {
    if (!this.random.chance(KEEP_DELETED)) this.byChat.get(chat)?.delete(id);
  }

  /** Different messages of a chat, at most so many; only those of one sender, where one is given. */
  some(random: Random, chat: string, count: number, sender?: string): Target[] {
    const fitting = [...(this.byChat.get(chat)?.values() ?? [])].filter(
      (target) => sender === undefined || target.sender === sender,
    );
    const chosen = new Set<Target>();
    for (let left = Math.min(count, fitting.length); left > 0; left -= 1) chosen.add(random.pick(fitting));
    return [...chosen];
  }
}
