import { PRESENCE_CHOICES, type PresenceChoice } from '../../domain/presence.js';
import { id, list, MalformedPayload, number, parsePayload } from '../payload.js';

/** What one process says of one user. */
export interface PresenceEntry {
  userId: string;
  /** Whether the user has something open at that process, or had until a moment ago. */
  isOnline: boolean;
  /** The minute of the user's last frame or request, since 1970; 0 when that is not known. */
  minute: number;
  choice: PresenceChoice;
  /** When the user chose, in milliseconds since 1970; 0 when they have not. The latest choice counts. */
  chosenAt: number;
}

/** What a process says, at most once a second. */
export interface PresenceMessage {
  /** The id of the process, which it has from its start to its end. */
  process: string;
  /** Counts its messages from 1. A gap says that some were lost. */
  n: number;
  entries: PresenceEntry[];
  /** The process begins to repeat all of its online users, and ends it: who was not among them is not online there. */
  begins: boolean;
  ends: boolean;
  /** The processes that are asked to repeat their users. */
  asks: 'all' | readonly string[];
  /** The process ends. Its users have a few seconds to come back elsewhere. */
  isLeaving: boolean;
}

/** A message with so many entries has at most half of the characters that a payload may have. */
export const MAX_ENTRIES = 5000;
export const MAX_ASKS = 100;

/** An entry is a short list, since there may be many. Without a choice it has three items. */
export function presencePayload({ entries, ...message }: PresenceMessage): string {
  const users = entries.map(({ userId, isOnline, minute, choice, chosenAt }) => [
    ...[userId, isOnline ? 1 : 0, minute],
    ...(chosenAt > 0 ? [PRESENCE_CHOICES.indexOf(choice), chosenAt] : []),
  ]);
  return JSON.stringify({ ...message, users });
}

/** @throws MalformedPayload for what this version cannot read */
export function parsePresence(payload: string): PresenceMessage {
  const { process, n, users, begins, ends, asks, isLeaving } = parsePayload(payload);
  return {
    process: id(process, 'process'),
    n: number(n, 'n'),
    entries: list(users, 'users', MAX_ENTRIES).map(readEntry),
    begins: begins === true,
    ends: ends === true,
    asks: asks === 'all' ? asks : list(asks, 'asks', MAX_ASKS).map((asked) => id(asked, 'asks')),
    isLeaving: isLeaving === true,
  };
}

function readEntry(value: unknown): PresenceEntry {
  const [userId, isOnline, minute, choice = 0, chosenAt = 0] = list(value, 'users', 10);
  return {
    userId: id(userId, 'users.id'),
    isOnline: isOnline === 1,
    minute: number(minute, 'users.minute'),
    choice: readChoice(choice),
    chosenAt: number(chosenAt, 'users.chosenAt'),
  };
}

function readChoice(value: unknown): PresenceChoice {
  const choice = PRESENCE_CHOICES[number(value, 'users.choice')];
  if (choice === undefined) throw new MalformedPayload('users.choice');
  return choice;
}
