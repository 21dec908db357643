import { readFileSync } from 'node:fs';

/** Words of the wire (RFC 6749, RFC 7662) that tables or columns share. */
const PUBLIC_WORDS = ['client_id', 'redirect_uri', 'redirect_uris', 'code_challenge'];

/** Names of tables and columns that nobody outside has to know. Those of one word are words of the language. */
export function databaseNames(): string[] {
  const schema = readFileSync(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8');
  const names = [...schema.matchAll(/@@?map\("(\w+_\w+)"\)/g)].map(([, name = '']) => name);
  return [...new Set(names)].filter((name) => !PUBLIC_WORDS.includes(name));
}
