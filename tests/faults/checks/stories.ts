import type { DatabaseState, Row } from '../database-state.js';
import type { Edge, Entry, EntryOf, FaultTarget } from '../entries.js';
import { MessageHistory } from './message-history.js';
import { type Sight, sightsOf } from './sights.js';

export interface Attempt {
  edge: Edge;
  service: number;
  invokedAt: number;
  /** Undefined when the run ended before. */
  outcome: Answer | undefined;
}

type Answer = EntryOf<
  'send.acknowledged' | 'send.refused' | 'send.lost' | 'change.acknowledged' | 'change.refused' | 'change.lost'
>;

/** A request on its way, all attempts together. */
export interface RequestStory {
  /** The nonce of a message, or the id of a change. */
  name: string;
  user: string;
  client: string;
  chat: string;
  attempts: Attempt[];
  /** When it was acknowledged, or refused for good; Infinity for what never was. */
  settledAt: number;
}

export interface SendStory extends RequestStory {
  content: string;
  /** The messages that it quotes, or replies to. */
  refersTo: readonly string[];
  acknowledged: EntryOf<'send.acknowledged'> | undefined;
}

export interface ChangeStory extends RequestStory {
  /** The first attempt. */
  invoked: EntryOf<'change.invoked'>;
  acknowledged: EntryOf<'change.acknowledged'> | undefined;
}

export type StreamItem = EntryOf<'stream.event' | 'stream.live' | 'stream.reset'>;

/** One connection of a listener, from its opening to its end. */
export interface ConnectionStory {
  opened: EntryOf<'stream.opened'>;
  started: EntryOf<'stream.started'> | undefined;
  items: StreamItem[];
  ended: EntryOf<'stream.closed' | 'stream.refused'> | undefined;
}

export type InboxItem = EntryOf<'inbox.event' | 'inbox.gap' | 'inbox.state' | 'inbox.live' | 'inbox.reset'>;

/** One connection of the client of an inbox. */
export interface InboxConnectionStory {
  opened: EntryOf<'inbox.opened'>;
  started: EntryOf<'inbox.started'> | undefined;
  items: InboxItem[];
  ended: ConnectionStory['ended'];
}

/** All that the client of an inbox was told. */
export interface InboxStory {
  began: EntryOf<'inbox.began'>;
  connections: InboxConnectionStory[];
  /** It had time to get everything. */
  isFinished: boolean;
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
  readonly changes = new Map<string, ChangeStory>();
  readonly connections = new Map<number, ConnectionStory>();
  /** By listener. */
  readonly inboxes = new Map<string, InboxStory>();
  readonly inboxConnections = new Map<number, InboxConnectionStory>();
  readonly faults: FaultStory[] = [];
  readonly histories: EntryOf<'history'>[] = [];
  readonly finished: EntryOf<'listener.finished'>[] = [];
  readonly exits: EntryOf<'service.exited'>[] = [];
  /** By user and chat, in their order. */
  private readonly absences = new Map<string, Absence[]>();
  private readonly logs = new Map<string, Row[]>();
  private messageHistories: Map<string, MessageHistory> | undefined;
  private allSights: Sight[] | undefined;
  private changesOfMessages: Map<string, ChangeStory[]> | undefined;
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

  /** Sends and changes of messages. */
  get requests(): RequestStory[] {
    return [...this.sends.values(), ...this.changes.values()];
  }

  /** The states that each message had, by its id. */
  get messages(): ReadonlyMap<string, MessageHistory> {
    this.messageHistories ??= this.historiesOfMessages();
    return this.messageHistories;
  }

  /** The changes that were asked for of each message, in the order of their first attempts. */
  get changesByMessage(): ReadonlyMap<string, ChangeStory[]> {
    this.changesOfMessages ??= this.groupChanges();
    return this.changesOfMessages;
  }

  /** When a change was acknowledged to its sender; undefined for one that was not. */
  acknowledgedAt(chat: string, seq: number): number | undefined {
    return this.acknowledgements.get(`${chat} ${seq}`);
  }

  /** The connections of each listener, in their order. */
  byListener(): Map<string, ConnectionStory[]> {
    return grouped(this.connections.values(), ({ opened }) => opened.listener);
  }

  /** Of all connections, those of each listener in their order. */
  get sights(): readonly Sight[] {
    this.allSights ??= sightsOf(this.connections.values(), this.inboxConnections.values());
    return this.allSights;
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
      case 'change.invoked':
        this.changeInvoked(entry);
        return;
      case 'change.acknowledged':
      case 'change.refused':
      case 'change.lost':
        this.changeAnswered(entry);
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
        (this.inboxConnections.get(entry.connection) ?? this.connection(entry)).ended = entry;
        return;
      case 'inbox.began':
        this.inboxes.set(entry.listener, { began: entry, connections: [], isFinished: false });
        return;
      case 'inbox.opened': {
        const connection: InboxConnectionStory = { opened: entry, started: undefined, items: [], ended: undefined };
        this.inboxConnections.set(entry.connection, connection);
        this.inbox(entry).connections.push(connection);
        return;
      }
      case 'inbox.started':
        this.inboxConnection(entry).started = entry;
        return;
      case 'inbox.event':
      case 'inbox.gap':
      case 'inbox.state':
      case 'inbox.live':
      case 'inbox.reset':
        this.inboxConnection(entry).items.push(entry);
        return;
      case 'inbox.finished':
        this.inbox(entry).isFinished = true;
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
      case 'change.abandoned':
      case 'faults.over':
        return;
    }
  }

  private sendInvoked(entry: EntryOf<'send.invoked'>): void {
    const { user, client, chat, nonce, content, edge, service, refersTo = [], at: invokedAt } = entry;
    const story = this.sends.get(nonce) ?? {
      name: nonce,
      user,
      client,
      chat,
      content,
      refersTo,
      attempts: [],
      settledAt: Number.POSITIVE_INFINITY,
      acknowledged: undefined,
    };
    story.attempts.push({ edge, service, invokedAt, outcome: undefined });
    this.sends.set(nonce, story);
  }

  private sendAnswered(entry: EntryOf<'send.acknowledged' | 'send.refused' | 'send.lost'>): void {
    const story = this.sends.get(entry.nonce);
    answer(story, entry);
    if (!story || entry.type !== 'send.acknowledged') return;
    story.acknowledged = entry;
    this.acknowledgements.set(`${story.chat} ${entry.seq}`, entry.at);
  }

  private changeInvoked(entry: EntryOf<'change.invoked'>): void {
    const { id, user, client, chat, edge, service, at: invokedAt } = entry;
    const story = this.changes.get(id) ?? {
      name: id,
      user,
      client,
      chat,
      invoked: entry,
      attempts: [],
      settledAt: Number.POSITIVE_INFINITY,
      acknowledged: undefined,
    };
    story.attempts.push({ edge, service, invokedAt, outcome: undefined });
    this.changes.set(id, story);
  }

  private changeAnswered(entry: EntryOf<'change.acknowledged' | 'change.refused' | 'change.lost'>): void {
    const story = this.changes.get(entry.id);
    answer(story, entry);
    if (story && entry.type === 'change.acknowledged') story.acknowledged = entry;
  }

  private groupChanges(): Map<string, ChangeStory[]> {
    const groups = new Map<string, ChangeStory[]>();
    for (const change of this.changes.values())
      for (const message of change.invoked.messages) {
        const group = groups.get(message) ?? [];
        groups.set(message, group);
        group.push(change);
      }
    return groups;
  }

  private historiesOfMessages(): Map<string, MessageHistory> {
    const changes = this.changesByMessage;
    const later = grouped(
      this.database.rows.filter(({ kind }) => kind.startsWith('message.') && kind !== 'message.created'),
      ({ subject }) => subject,
    );
    const histories = new Map<string, MessageHistory>();
    for (const row of this.database.rows) {
      const { kind, subject, message, nonce } = row;
      if (kind !== 'message.created' || !message) continue;
      const contents = (changes.get(subject) ?? []).map(({ invoked }) => invoked.content);
      contents.push(this.sends.get(nonce ?? '')?.content);
      histories.set(subject, new MessageHistory(row, message, later.get(subject) ?? [], contents));
    }
    return histories;
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

  private inboxConnection({ connection }: { connection: number }): InboxConnectionStory {
    const story = this.inboxConnections.get(connection);
    if (!story) throw new Error(`The journal tells of connection ${connection}, which was not opened.`);
    return story;
  }

  private inbox({ listener }: { listener: string }): InboxStory {
    const story = this.inboxes.get(listener);
    if (!story) throw new Error(`The journal tells of the inbox of ${listener}, which did not begin.`);
    return story;
  }
}

function answer(story: RequestStory | undefined, entry: Answer): void {
  const attempt = story?.attempts[entry.attempt - 1];
  if (!story || !attempt) throw new Error(`The journal answers what was not invoked: ${JSON.stringify(entry)}.`);
  attempt.outcome = entry;
  if (!isUnanswered(attempt)) story.settledAt = entry.at;
}

/** Nothing is known of what the attempt did: it may have its effect, now or later, or none. */
export function isUnanswered({ outcome }: Attempt): boolean {
  if (!outcome || outcome.type === 'send.lost' || outcome.type === 'change.lost') return true;
  return (outcome.type === 'send.refused' || outcome.type === 'change.refused') && outcome.code === TRY_AGAIN;
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
