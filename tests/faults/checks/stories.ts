import type { DatabaseState, Row } from '../database-state.js';
import type { Edge, Entry, EntryOf, FaultTarget } from '../entries.js';

export interface Attempt {
  edge: Edge;
  service: number;
  invokedAt: number;
  /** Undefined when the run ended before. */
  outcome: EntryOf<'send.acknowledged' | 'send.refused' | 'send.lost'> | undefined;
}

/** One message on its way, all attempts together. */
export interface SendStory {
  user: string;
  chat: string;
  nonce: string;
  content: string;
  attempts: Attempt[];
  /** When it was acknowledged, or refused for good; Infinity for what never was. */
  settledAt: number;
  acknowledged: EntryOf<'send.acknowledged'> | undefined;
}

export type StreamItem = EntryOf<'stream.event' | 'stream.live' | 'stream.reset'>;

/** One connection of a listener, from its opening to its end. */
export interface ConnectionStory {
  opened: EntryOf<'stream.opened'>;
  started: EntryOf<'stream.started'> | undefined;
  items: StreamItem[];
  ended: EntryOf<'stream.closed' | 'stream.refused'> | undefined;
}

export interface FaultStory {
  name: string;
  target: FaultTarget;
  service: number | undefined;
  listeners: string[];
  beganAt: number;
  /** Of a stall: when the buffers were full. */
  filledAt: number | undefined;
  /** Infinity for one that never did. */
  endedAt: number;
}

/** A time when a user was not, or may not have been, a member. */
export interface Absence {
  removalInvokedAt: number;
  /** Infinity when the user was not added again. */
  additionInvokedAt: number;
  additionAcknowledgedAt: number;
}

/** The one code that says that nothing is known to be wrong with a request. */
export const TRY_AGAIN = 'SERVICE_UNAVAILABLE';

/** A journal and the database's last word, put together by what they are about. */
export class Stories {
  readonly sends = new Map<string, SendStory>();
  readonly connections = new Map<number, ConnectionStory>();
  readonly faults: FaultStory[] = [];
  readonly histories: EntryOf<'history'>[] = [];
  readonly finished: EntryOf<'listener.finished'>[] = [];
  readonly exits: EntryOf<'service.exited'>[] = [];
  /** By user and chat, in their order. */
  private readonly absences = new Map<string, Absence[]>();
  private readonly logs = new Map<string, Row[]>();
  private readonly acknowledgements = new Map<string, number>();
  private readonly faultsByNumber = new Map<number, FaultStory>();

  constructor(
    entries: readonly Entry[],
    readonly database: DatabaseState,
  ) {
    for (const chat of database.chats) this.logs.set(chat.id, []);
    for (const row of database.rows) this.log(row.chat).push(row);
    for (const entry of entries) this.take(entry);
  }

  /** The rows of a chat, by number. */
  log(chat: string): Row[] {
    return this.logs.get(chat) ?? [];
  }

  /** When a change was acknowledged to its sender; undefined for one that was not. */
  acknowledgedAt(chat: string, seq: number): number | undefined {
    return this.acknowledgements.get(`${chat} ${seq}`);
  }

  /** The connections of each listener, in their order. */
  byListener(): Map<string, ConnectionStory[]> {
    return grouped(this.connections.values(), ({ opened }) => opened.listener);
  }

  absencesOf(user: string, chat: string): readonly Absence[] {
    return this.absences.get(`${user} ${chat}`) ?? [];
  }

  /** True when the user may have been no member at some moment of this time. */
  mayBeAbsent(user: string, chat: string, from: number, to: number): boolean {
    return this.absencesOf(user, chat).some(
      (absence) => absence.removalInvokedAt <= to && absence.additionAcknowledgedAt >= from,
    );
  }

  /** The faults that were under way at some moment of this time; `after` milliseconds later still count. */
  faultsDuring(target: FaultTarget, from: number, to: number, after = 0): FaultStory[] {
    return this.faults.filter(
      (fault) => fault.target === target && fault.beganAt <= to && fault.endedAt + after >= from,
    );
  }

  private take(entry: Entry): void {
    switch (entry.type) {
      case 'send.invoked':
        this.sendInvoked(entry);
        return;
      case 'send.acknowledged':
      case 'send.refused':
      case 'send.lost':
        this.sendAnswered(entry);
        return;
      case 'stream.opened':
        this.connections.set(entry.connection, { opened: entry, started: undefined, items: [], ended: undefined });
        return;
      case 'stream.started':
        this.connection(entry).started = entry;
        return;
      case 'stream.event':
      case 'stream.live':
      case 'stream.reset':
        this.connection(entry).items.push(entry);
        return;
      case 'stream.closed':
      case 'stream.refused':
        this.connection(entry).ended = entry;
        return;
      case 'membership.invoked':
      case 'membership.acknowledged':
        this.membershipChanged(entry);
        return;
      case 'fault.began': {
        const { name, target, service, listeners = [], at: beganAt } = entry;
        const fault = {
          name,
          target,
          service,
          listeners,
          beganAt,
          filledAt: undefined,
          endedAt: Number.POSITIVE_INFINITY,
        };
        this.faults.push(fault);
        this.faultsByNumber.set(entry.fault, fault);
        return;
      }
      case 'fault.filled': {
        const fault = this.faultsByNumber.get(entry.fault);
        if (fault) fault.filledAt = entry.at;
        return;
      }
      case 'fault.ended': {
        const fault = this.faultsByNumber.get(entry.fault);
        if (fault) fault.endedAt = entry.at;
        return;
      }
      case 'service.exited':
        this.exits.push(entry);
        return;
      case 'listener.finished':
        this.finished.push(entry);
        return;
      case 'history':
        this.histories.push(entry);
        return;
      case 'send.abandoned':
      case 'faults.over':
        return;
    }
  }

  private sendInvoked(entry: EntryOf<'send.invoked'>): void {
    const { user, chat, nonce, content, edge, service, at: invokedAt } = entry;
    const story = this.sends.get(nonce) ?? {
      user,
      chat,
      nonce,
      content,
      attempts: [],
      settledAt: Number.POSITIVE_INFINITY,
      acknowledged: undefined,
    };
    story.attempts.push({ edge, service, invokedAt, outcome: undefined });
    this.sends.set(nonce, story);
  }

  private sendAnswered(entry: EntryOf<'send.acknowledged' | 'send.refused' | 'send.lost'>): void {
    const story = this.sends.get(entry.nonce);
    const attempt = story?.attempts[entry.attempt - 1];
    if (!story || !attempt) throw new Error(`The journal answers ${entry.nonce}, which was not invoked.`);
    attempt.outcome = entry;
    if (entry.type === 'send.lost' || (entry.type === 'send.refused' && entry.code === TRY_AGAIN)) return;
    story.settledAt = entry.at;
    if (entry.type !== 'send.acknowledged') return;
    story.acknowledged = entry;
    this.acknowledgements.set(`${story.chat} ${entry.seq}`, entry.at);
  }

  private membershipChanged(entry: EntryOf<'membership.invoked' | 'membership.acknowledged'>): void {
    const key = `${entry.user} ${entry.chat}`;
    const absences = this.absences.get(key) ?? [];
    this.absences.set(key, absences);
    if (entry.change === 'removed') {
      if (entry.type === 'membership.invoked')
        absences.push({
          removalInvokedAt: entry.at,
          additionInvokedAt: Number.POSITIVE_INFINITY,
          additionAcknowledgedAt: Number.POSITIVE_INFINITY,
        });
      return;
    }
    const absence = absences.at(-1);
    if (!absence) return;
    if (entry.type === 'membership.invoked') absence.additionInvokedAt = entry.at;
    else absence.additionAcknowledgedAt = entry.at;
  }

  private connection({ connection }: { connection: number }): ConnectionStory {
    const story = this.connections.get(connection);
    if (!story) throw new Error(`The journal tells of connection ${connection}, which was not opened.`);
    return story;
  }
}

export function grouped<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
