import pg from 'pg';

const TIMESTAMPTZ = 1184;
const parseDate: (text: string) => Date = pg.types.getTypeParser(TIMESTAMPTZ);

/**
 * Converts a `timestamptz` as PostgreSQL writes it (`2026-11-05 09:30:00.12+00`) to ISO 8601 in UTC with milliseconds. Sessions
 * are in UTC (`plugins/database/session-settings.ts`) and columns have at most milliseconds, so rewriting the text is enough.
 */
export function isoTimestamp(text: string): string {
  const plain = text.endsWith('+00') && text[10] === ' ' && text.length <= 26;
  if (!plain) return parseDate(text).toISOString();
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, '0')}Z`;
}

/** Parsers for the driver that return times in ISO 8601. */
export const isoTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === TIMESTAMPTZ ? isoTimestamp : pg.types.getTypeParser(oid, format)),
};
