import type { ChatRole } from '../../chat-role.js';
import type { UserProfile } from '../../profile.js';
import type { ChatMessage } from '../chat-message.js';
import type { LoggedChat } from '../logged-chat.js';
import { areFacts, type FactChecks, type Facts, invalidFact } from './facts.js';

/** The fields that every event has. */
export interface EventBase {
  chatId: string;
  /** The history that `seq` counts in. */
  epoch: string;
  /** The number of this change in its chat: 1, 2, 3, … without a gap. */
  seq: number;
  /** ISO 8601, UTC, milliseconds. */
  at: string;
  /** The user who made the change; null for an operator's command. */
  actor: UserProfile | null;
}

/** The rows that a change may refer to, in their state when the log is read. */
export interface Rows {
  message: ChatMessage;
  /** The user whom the change is about. */
  subject: UserProfile;
  /** That user's membership as it is now; for a user who has left, as it was when they left. */
  chat: LoggedChat;
  membership: { role: ChatRole; joinedAt: string; mutedUntil: string | null };
}

export type RowName = keyof Rows;

/** A change as the log's reader and the bus deliver it: its facts and the rows it refers to. `Kind.event` makes the event from it. */
export interface LogEntry extends EventBase, Partial<Rows> {
  type: string;
  facts?: Readonly<Record<string, unknown>>;
}

/** The streams that a change ends: everybody's, or those of one user. */
export type StreamsEnded = { of: 'all' } | { of: 'user'; userId: string };

/** The contents that must be dropped from memory after a change: all messages of one sender. */
export type Forgotten = { senderId: string };

interface KindDefinition<
  Type extends string,
  Refers extends RowName,
  Checks extends FactChecks,
  Content extends object,
> {
  /** The kind's name on the wire, on the bus and in `chat_events.kind`. */
  type: Type;
  /** The rows that the reader of the log joins. */
  refers: readonly Refers[];
  /** The fields of `chat_events.data`, checked when the change is announced and when it is read. */
  facts: Checks;
  /** Returns the event's own fields, made from the rows as they are now. */
  fill: (entry: EventBase & Pick<Rows, Refers> & { facts: Facts<Checks> }) => Content;
  /** The streams that this event ends. It is the last that they deliver. */
  ends?: (event: EventBase & Content) => StreamsEnded;
  /** The contents that feeds drop from memory when this event comes. */
  forgets?: (event: EventBase & Content) => Forgotten;
  /** The user who is shown more of this event than others: a message's sender sees its nonce. */
  author?: (event: EventBase & Content) => string | null;
  /** The name of a field that contradicts another one; undefined when none does. Checked for events from the bus. */
  contradiction?: (event: EventBase & Content) => string | undefined;
}

/** The rules of a kind, which the rest of the service applies to any event. */
export interface EventRules<Event> {
  ends(event: Event): StreamsEnded | undefined;
  forgets(event: Event): Forgotten | undefined;
  author(event: Event): string | null;
  contradiction(event: Event): string | undefined;
}

/** One kind of event. Only its encodings (`wire/events`, `graphql/schema/events`) are defined elsewhere. */
export interface Kind<Type extends string, Content extends object> extends EventRules<EventBase & Content> {
  readonly type: Type;
  readonly refers: readonly RowName[];
  readonly mayEndStreams: boolean;
  /** Makes the event of an entry. @throws BadEntry when a row or a fact is missing. */
  event(entry: LogEntry): EventBase & { type: Type } & Content;
}

/** An entry lacks a row that its kind refers to, or has an invalid fact. */
export class BadEntry extends Error {
  override readonly name = 'BadEntry';

  constructor(
    type: string,
    /** The row, or `facts.<name>`. */
    readonly field: string,
  ) {
    super(`A change of the kind ${type} has an invalid ${field}.`);
  }
}

export function defineKind<
  const Type extends string,
  Refers extends RowName,
  Checks extends FactChecks,
  Content extends object,
>(definition: KindDefinition<Type, Refers, Checks, Content>): Kind<Type, Content> {
  const { type, refers, facts: checks, fill, ends, forgets, author, contradiction } = definition;
  return {
    type,
    refers,
    mayEndStreams: ends !== undefined,
    event(entry) {
      const { chatId, epoch, seq, at, actor, facts = {} } = entry;
      if (!hasRows(entry, refers)) throw new BadEntry(type, refers.find((row) => entry[row] === undefined) ?? 'rows');
      if (!areFacts(checks, facts)) throw new BadEntry(type, `facts.${invalidFact(checks, facts)}`);
      return { type, chatId, epoch, seq, at, actor, ...fill({ ...entry, facts }) };
    },
    ends: (event) => ends?.(event),
    forgets: (event) => forgets?.(event),
    author: (event) => author?.(event) ?? null,
    contradiction: (event) => contradiction?.(event),
  };
}

function hasRows<Refers extends RowName>(
  entry: LogEntry,
  refers: readonly Refers[],
): entry is LogEntry & Pick<Rows, Refers> {
  return refers.every((row) => entry[row] !== undefined);
}
