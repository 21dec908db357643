import type { EntryOf } from '../entries.js';
import { InboxChat } from './inbox-chat.js';
import { isSame } from './log.js';
import { type Periods, periodsOf } from './members.js';
import type { InboxConnectionStory, InboxItem, InboxStory, Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/**
 * Every client of an inbox has, of each of its chats, every change while its user is a member, once and in order, over all its connections
 * and transports: a joining opens the chat, and a removal is the last of it. What it missed and does not want to be sent is said as a gap.
 */
export function checkInboxes(stories: Stories): Violation[] {
  const periods = periodsOf(stories);
  const acknowledged = new Acknowledged(stories);
  return [...stories.inboxes.values()].flatMap((inbox) => new Walk(inbox, stories, periods, acknowledged).walk());
}

/** What was acknowledged by when. */
class Acknowledged {
  /** By chat, in the order of their times: each with the highest number so far. */
  private readonly byChat = new Map<string, { at: number; seq: number }[]>();

  constructor(private readonly stories: Stories) {}

  /** The highest number of the chat that was acknowledged before this time; 0 for none. */
  before(chat: string, at: number): number {
    return this.of(chat).findLast((each) => each.at < at)?.seq ?? 0;
  }

  private of(chat: string): { at: number; seq: number }[] {
    const known = this.byChat.get(chat);
    if (known) return known;
    let highest = 0;
    const times = this.stories
      .log(chat)
      .flatMap(({ seq }) => {
        const at = this.stories.acknowledgedAt(chat, seq);
        return at === undefined ? [] : [{ at, seq }];
      })
      .sort((a, b) => a.at - b.at)
      .map(({ at, seq }) => {
        highest = Math.max(highest, seq);
        return { at, seq: highest };
      });
    this.byChat.set(chat, times);
    return times;
  }
}

/** Follows the client of one inbox over all its connections. */
class Walk {
  private readonly found: Violation[] = [];
  private readonly chats = new Map<string, InboxChat>();
  private readonly epochs: ReadonlyMap<string, string>;
  /** The last position that the client had; null before it had one. */
  private position: string | null;

  constructor(
    private readonly inbox: InboxStory,
    private readonly stories: Stories,
    periods: Periods,
    private readonly acknowledged: Acknowledged,
  ) {
    const { began } = inbox;
    this.position = began.position;
    this.epochs = new Map(stories.database.chats.map(({ id, epoch }) => [id, epoch]));
    const shown = new Map(began.chats.map(({ chat, cursor }) => [chat, Number(cursor.split(':')[1])]));
    for (const { id } of stories.database.chats) {
      const ofChat = periods.get(`${began.user} ${id}`) ?? [];
      // The first addition that it cannot have known.
      const index = stories.absencesOf(began.user, id).findIndex((each) => each.additionInvokedAt > began.at);
      const isDue = shown.has(id) || index !== -1;
      const due = isDue ? ofChat[index + 1]?.from : undefined;
      const head = stories.log(id).length;
      this.chats.set(id, new InboxChat({ periods: ofChat, head, shown: shown.get(id), due }));
    }
  }

  walk(): Violation[] {
    for (const connection of this.inbox.connections) this.take(connection);
    if (this.inbox.isFinished)
      for (const [chat, { missing }] of this.chats)
        if (missing !== undefined)
          this.found.push(
            violation('everybody reaches the head', `${this.inbox.began.listener}, chat ${chat}: ${missing}`),
          );
    return this.found;
  }

  private take(connection: InboxConnectionStory): void {
    const { opened, started, items } = connection;
    const isFirst = connection === this.inbox.connections[0];
    // A harness that forgot its position would prove nothing.
    if (opened.after !== this.position && !(isFirst && opened.after === null))
      this.complain(connection, opened.at, 'the harness keeps its cursor', `came back with ${opened.after}`);
    this.position = started?.position ?? opened.after;
    for (const chat of this.chats.values()) chat.connected(opened.maxMissed);
    for (const item of items) {
      this.position = item.position;
      this.takeItem(connection, item);
    }
    this.checkMissed(connection);
  }

  private takeItem(connection: InboxConnectionStory, item: InboxItem): void {
    switch (item.type) {
      case 'inbox.state':
        return;
      case 'inbox.reset':
        this.complain(connection, item.at, 'no history was replaced', 'reset');
        return;
      case 'inbox.live':
        this.checkLive(connection, item.at);
        return;
      case 'inbox.gap':
        this.takeGap(connection, item);
        return;
      case 'inbox.event':
        this.takeEvent(connection, item);
    }
  }

  private takeGap(connection: InboxConnectionStory, { at, chat, after, cursor }: EntryOf<'inbox.gap'>): void {
    const [from, to] = [this.seqOf(connection, at, chat, after), this.seqOf(connection, at, chat, cursor)];
    const rule = this.chat(chat).gap(from, to);
    if (rule !== undefined) this.complain(connection, at, rule, `gap of ${chat} from ${after} to ${cursor}`);
  }

  private takeEvent(connection: InboxConnectionStory, event: EntryOf<'inbox.event'>): void {
    const { at, chat, seq, cursor } = event;
    const complain = (rule: string, what: string) => this.complain(connection, at, rule, what);
    if (this.seqOf(connection, at, chat, cursor) !== seq)
      complain('a cursor names its change', `change ${seq} has cursor ${cursor}`);
    const row = this.stories.log(chat)[seq - 1];
    if (!row || !isSame(row, event))
      complain('a change is what was written', `saw ${JSON.stringify(event)}, written ${JSON.stringify(row)}`);
    const { place } = this.chat(chat);
    const rule = this.chat(chat).event(seq);
    if (rule !== undefined) complain(rule, `chat ${chat}: ${seq} after ${place}`);
  }

  /** `live` says that all that was missed has been delivered. */
  private checkLive(connection: InboxConnectionStory, at: number): void {
    for (const [id, chat] of this.chats) {
      const written = this.acknowledged.before(id, connection.opened.at);
      if (!chat.hasUpTo(written))
        this.complain(connection, at, 'no stream lies', `live, with ${id} up to ${chat.place} of at least ${written}`);
    }
  }

  /** Of what was certainly missed, more than the client wants is a gap. */
  private checkMissed(connection: InboxConnectionStory): void {
    const { opened, items } = connection;
    const missed = new Map<string, number>();
    for (const item of items) {
      if (item.type !== 'inbox.event') continue;
      const at = this.stories.acknowledgedAt(item.chat, item.seq);
      if (at === undefined || at >= opened.at) continue;
      missed.set(item.chat, (missed.get(item.chat) ?? 0) + 1);
    }
    for (const [chat, count] of missed)
      if (count > opened.maxMissed)
        this.complain(
          connection,
          opened.at,
          'more than is wanted is a gap',
          `${count} missed changes of ${chat}, wanted ${opened.maxMissed}`,
        );
  }

  private chat(id: string): InboxChat {
    return this.chats.get(id) ?? new InboxChat({ periods: [], head: 0, shown: undefined, due: undefined });
  }

  private seqOf(connection: InboxConnectionStory, at: number, chat: string, cursor: string): number {
    const [epoch, seq] = cursor.split(':');
    const own = this.epochs.get(chat);
    if (epoch !== own)
      this.complain(connection, at, 'a cursor is of the history it came from', `${cursor} in epoch ${own}`);
    return Number(seq);
  }

  private complain({ opened }: InboxConnectionStory, at: number, rule: string, what: string): void {
    const { listener, connection, edge } = opened;
    this.found.push(violation(rule, `${listener}, connection ${connection} (${edge}), ${seconds(at)}: ${what}`));
  }
}
