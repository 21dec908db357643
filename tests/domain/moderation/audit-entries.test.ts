import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertProperty } from '../../support/property.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

/** RFC 8785 of a value without fractions, character by character: nothing of it is `JSON.stringify`'s. */
function canonical(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value as object).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${quoted(name)}:${canonical(member)}`).join(',')}}`;
}

const SHORT: Readonly<Record<string, string>> = {
  ...{ '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' },
};
function quoted(text: string): string {
  const escaped = (character: string) =>
    SHORT[character] ?? (character < ' ' ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : character);
  return `"${[...text].map(escaped).join('')}"`;
}

/** Every character but U+0000, which PostgreSQL stores nowhere. */
const text = fc.string({ unit: 'binary', maxLength: 12 }).map((given) => given.replaceAll('\0', ''));
const SPECIAL = [
  '\u0001\u001f',
  '\u007f\u0080',
  '\u2028\u2029',
  '\ud83d\ude00\udbff\udfff',
  '"\\/\b\f\n\r\t',
  '\uffff\ufeff',
  '',
];
const word = fc.oneof(text, fc.constantFrom(...SPECIAL));
const name = fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/).filter((given) => given !== '__proto__');
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    ...[word, fc.maxSafeInteger().map((n) => n || 0), fc.boolean(), fc.constant(null)],
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const FIRST = Buffer.alloc(32);

interface Row {
  seq: number;
  at: Date;
  entry: string;
  hash: Buffer;
  reason: string | null;
  reason_salt: Buffer | null;
}
const rows = async () => (await services.db.pool.query<Row>('SELECT * FROM audit_log ORDER BY seq')).rows;

describe('canonical JSON of the database', () => {
  it('is what RFC 8785 says, for any value without fractions', async () => {
    await assertProperty(
      fc.asyncProperty(value, async (given) => {
        const { rows: answers } = await services.db.pool.query('SELECT canonical_json($1::jsonb) AS text', [
          JSON.stringify(given),
        ]);
        expect(answers[0].text).toBe(canonical(given));
        expect(answers[0].text).toBe(canonical(JSON.parse(answers[0].text)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([['{"a b":1}'], ['{"ä":1}'], ['1.5'], ['9007199254740992']])('refuses %s', async (given) => {
    await expect(services.db.pool.query('SELECT canonical_json($1::jsonb)', [given])).rejects.toThrow('canonical JSON');
  });
});

describe('an entry of the audit log', () => {
  it('is the canonical text of the act, in a chain of hashes', async () => {
    const actor = await services.newUser('admin');
    const viewer = await services.newViewer(actor);
    const chat = crypto.randomUUID();
    await assertProperty(
      fc.asyncProperty(word, value, fc.option(word), async (target, given, reason) => {
        const before = (await rows()).at(-1);
        await services.db.pool.query('SELECT write_audit($1, $2, $3, $4, $5, $6, $7)', [
          ...[actor.id, viewer.familyId, 'test.done', chat, target, JSON.stringify({ given }), reason],
        ]);
        const row = (await rows()).at(-1);
        if (!row) throw new Error('There is no entry.');
        expect(row.entry).toBe(
          canonical({
            ...{ seq: (before?.seq ?? 0) + 1, at: row.at.toISOString(), actor: actor.id, client: viewer.clientId },
            ...{ action: 'test.done', chat, target, data: { given } },
            reason: reason === null ? null : sha256(row.reason_salt ?? '', reason).toString('hex'),
          }),
        );
        expect(row.hash).toEqual(sha256(before?.hash ?? FIRST, row.entry));
        expect(row.reason).toBe(reason);
      }),
      { numRuns: 60 },
    );
  });

  it('names nobody for an operator', async () => {
    await services.db.pool.query(`SELECT write_audit(NULL, NULL, 'test.done', NULL, NULL)`);
    const row = (await rows()).at(-1);
    expect(JSON.parse(row?.entry ?? '')).toMatchObject({
      actor: null,
      client: null,
      chat: null,
      target: null,
      data: {},
      reason: null,
    });
  });

  it('goes with the transaction that it is in', async () => {
    const before = await rows();
    const connection = await services.db.pool.connect();
    try {
      await connection.query('BEGIN');
      await connection.query(`SELECT write_audit(NULL, NULL, 'test.done', NULL, NULL)`);
      await connection.query('ROLLBACK');
    } finally {
      connection.release();
    }
    expect(await rows()).toEqual(before);
  });
});
