import type { UserRef } from '@chat-api/client';

/** The characters of a username (docs/interfaces.md). */
const NAME = String.raw`[\p{L}\p{M}\p{N}@.+\-_]`;
/** The service takes so many in one message. */
const MOST = 50;
export const EVERYBODY = 'all';

/** The beginning of a name that is being written at the end of this text: `@an` has `an`. */
export function mentionAt(before: string): string | undefined {
  return new RegExp(`(?:^|[^\\p{L}\\p{N}])@(${NAME}{0,150})$`, 'u').exec(before)?.[1];
}

/** Those of the people whose names begin like this, those first whose names are shorter. */
export function candidates<Person extends UserRef>(
  people: readonly Person[],
  beginning: string,
  most: number,
): Person[] {
  const wanted = beginning.toLowerCase();
  return people
    .filter(({ username }) => username.toLowerCase().startsWith(wanted))
    .sort((one, other) => one.username.length - other.username.length)
    .slice(0, most);
}

/** A text in parts, of which some name somebody. */
export function splitMentions(text: string, names: ReadonlySet<string>): { text: string; isMention: boolean }[] {
  if (names.size === 0) return [{ text, isMention: false }];
  const longestFirst = [...names].sort((one, other) => other.length - one.length).map(escaped);
  const parts = text.split(new RegExp(`((?<![\\p{L}\\p{N}])@(?:${longestFirst.join('|')})(?![\\p{L}\\p{N}_]))`, 'u'));
  return parts.map((part, index) => ({ text: part, isMention: index % 2 === 1 })).filter((part) => part.text !== '');
}

/** Whom a text names. */
export function mentionsIn(text: string, people: readonly UserRef[]): { ids: string[]; everybody: boolean } {
  if (!text.includes('@')) return { ids: [], everybody: false };
  const named = new Set(
    splitMentions(text, new Set([...people.map(({ username }) => username), EVERYBODY]))
      .filter(({ isMention }) => isMention)
      .map((part) => part.text.slice(1)),
  );
  const ids = people.filter(({ username }) => named.has(username)).map(({ id }) => id);
  const isSomebody = people.some(({ username }) => username === EVERYBODY);
  return { ids: ids.slice(0, MOST), everybody: named.has(EVERYBODY) && !isSomebody };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
