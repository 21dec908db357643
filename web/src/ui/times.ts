const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const DAY_AND_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const DATE = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const DAY_MS = 86_400_000;

export const timeOf = (at: string): string => TIME.format(new Date(at));
export const wholeTimeOf = (at: string): string => WHOLE.format(new Date(at));

/** How the service writes that something has no end. */
const WITHOUT_END = '9999';

/** `until 14:30`, as short as the time allows it; nothing for what has no end. */
export function untilTime(at: string | null, now = new Date()): string {
  if (at === null || at.startsWith(WITHOUT_END)) return '';
  const date = new Date(at);
  if (daysBetween(date, now) === 0) return `until ${TIME.format(date)}`;
  const isThisYear = date.getFullYear() === now.getFullYear();
  // The same day of the next week has the same name.
  const day = (daysBetween(now, date) < 7 ? WEEKDAY : isThisYear ? DATE : DAY_AND_YEAR).format(date);
  return `until ${day}, ${TIME.format(date)}`;
}

/** The same text for two times of one day, where one is. */
export const dayKey = (at: string): string => new Date(at).toDateString();

/** What stands between the messages of two days. */
export function dayName(at: string, now = new Date()): string {
  const date = new Date(at);
  const days = daysBetween(date, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return (date.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR).format(date);
}

/** As short as a list needs it. */
export function shortTime(at: string, now = new Date()): string {
  const date = new Date(at);
  const days = daysBetween(date, now);
  if (days === 0) return TIME.format(date);
  return (days < 7 ? WEEKDAY : DATE).format(date);
}

function daysBetween(date: Date, now: Date): number {
  const midnight = (day: Date) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  return Math.round((midnight(now) - midnight(date)) / DAY_MS);
}
