import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditCheck, type AuditFault } from '../../../src/domain/moderation/audit-check.js';
import type { AuditHead } from '../../../src/domain/moderation/audit-log.js';
import { startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const sql = (text: string, values: unknown[] = []) => services.db.pool.query(text, values);
const empty = () => sql('WITH gone AS (DELETE FROM audit_log) DELETE FROM audit_head');
const write = (count: number) =>
  sql(
    `SELECT write_audit(NULL, NULL, 'test.done', NULL, n::text, jsonb_build_object('n', n), 'because ' || n) FROM generate_series(1, $1) n`,
    [count],
  );

async function faults(options?: { from?: number; anchor?: AuditHead }): Promise<AuditFault[]> {
  const found: AuditFault[] = [];
  for await (const fault of new AuditCheck(services.auditLog).faults(options)) found.push(fault);
  return found;
}

describe('the check of the audit log', () => {
  let anchor: AuditHead;
  beforeEach(async () => {
    await empty();
    await write(20);
    anchor = await services.auditLog.head();
  });

  it('finds nothing in a log as it was written, whose reasons may be erased, and which has grown', async () => {
    expect(anchor.seq).toBe(20);
    expect(await faults({ anchor })).toEqual([]);
    await sql('UPDATE audit_log SET reason = NULL, reason_salt = NULL WHERE seq < 10');
    await write(5);
    expect(await faults({ anchor })).toEqual([]);
    expect(await faults({ from: 7, anchor })).toEqual([]);
    const check = new AuditCheck(services.auditLog);
    expect((await check.faults({ from: 6 }).next()).done).toBe(true);
    expect([check.count, check.head]).toEqual([20, await services.auditLog.head()]);
  });

  it('finds nothing in an empty log', async () => {
    await empty();
    expect(await faults({ anchor: await services.auditLog.head() })).toEqual([]);
    expect(await faults({ anchor })).toEqual([{ fault: 'cut', last: 0, expected: 20, by: 'anchor' }]);
  });

  it.each<[string, string, AuditFault[]]>([
    [
      'a changed byte of an entry',
      `UPDATE audit_log SET entry = replace(entry, '"n":7', '"n":8') WHERE seq = 7`,
      [{ fault: 'changed', seq: 7, what: 'entry' }],
    ],
    [
      'an entry that is no JSON any more',
      `UPDATE audit_log SET entry = left(entry, -1) WHERE seq = 7`,
      [{ fault: 'changed', seq: 7, what: 'entry' }],
    ],
    [
      'a changed byte of a hash',
      'UPDATE audit_log SET hash = set_byte(hash, 31, 255 - get_byte(hash, 31)) WHERE seq = 7',
      [{ fault: 'changed', seq: 7, what: 'hash' }],
    ],
    [
      'a changed byte of the last hash',
      'UPDATE audit_log SET hash = set_byte(hash, 0, 255 - get_byte(hash, 0)) WHERE seq = 20',
      [{ fault: 'changed', seq: 20, what: 'hash' }],
    ],
    [
      'changed bytes of entries that follow each other',
      `UPDATE audit_log SET entry = replace(entry, 'test', 'tost'), action = 'tost.done' WHERE seq IN (7, 8, 20)`,
      [7, 8, 20].map((seq) => ({ fault: 'changed', seq, what: 'entry' })),
    ],
    [
      'an entry that was written anew with its own hash',
      `UPDATE audit_log a SET entry = replace(a.entry, '"n":7', '"n":8'),
        hash = sha256(b.hash || convert_to(replace(a.entry, '"n":7', '"n":8'), 'UTF8'))
        FROM audit_log b WHERE a.seq = 7 AND b.seq = 6`,
      [{ fault: 'changed', seq: 8, what: 'entry' }],
    ],
    ['a removed row', 'DELETE FROM audit_log WHERE seq = 7', [{ fault: 'missing', from: 7, to: 7 }]],
    ['removed first rows', 'DELETE FROM audit_log WHERE seq < 7', [{ fault: 'missing', from: 1, to: 6 }]],
    [
      'swapped rows',
      `UPDATE audit_log a SET entry = b.entry, hash = b.hash, target = b.target, reason = b.reason, reason_salt = b.reason_salt
        FROM audit_log b WHERE (a.seq, b.seq) IN ((7, 9), (9, 7))`,
      [
        { fault: 'moved', seq: 7, is: 9 },
        { fault: 'moved', seq: 9, is: 7 },
      ],
    ],
    [
      'a cut tail, by the head',
      'DELETE FROM audit_log WHERE seq > 15',
      [{ fault: 'cut', last: 15, expected: 20, by: 'head' }],
    ],
    [
      'an entry behind the head',
      'UPDATE audit_head SET seq = 19, hash = (SELECT hash FROM audit_log WHERE seq = 19)',
      [{ fault: 'beyond', seq: 20, head: 19 }],
    ],
    [
      'a head with another hash',
      `UPDATE audit_head SET hash = sha256('')`,
      [{ fault: 'rewritten', seq: 20, by: 'head' }],
    ],
    ...(['actor_id', 'chat_id'] as const).map((column): [string, string, AuditFault[]] => [
      `another ${column} than in the entry`,
      `UPDATE audit_log SET ${column} = gen_random_uuid() WHERE seq = 7`,
      [{ fault: 'column', seq: 7, column: column === 'actor_id' ? 'actorId' : 'chatId' }],
    ]),
    ...(['action', 'target', 'client_id'] as const).map((column): [string, string, AuditFault[]] => [
      `another ${column} than in the entry`,
      `UPDATE audit_log SET ${column} = 'x' WHERE seq = 7`,
      [{ fault: 'column', seq: 7, column: column === 'client_id' ? 'clientId' : column }],
    ]),
    [
      'another time than in the entry',
      `UPDATE audit_log SET at = at + interval '1 ms' WHERE seq = 7`,
      [{ fault: 'column', seq: 7, column: 'at' }],
    ],
    ['a changed reason', `UPDATE audit_log SET reason = 'x' WHERE seq = 7`, [{ fault: 'reason', seq: 7 }]],
    [
      'a reason without its salt',
      'UPDATE audit_log SET reason_salt = NULL WHERE seq = 7',
      [{ fault: 'reason', seq: 7 }],
    ],
  ])('finds and names %s', async (_title, change, expected) => {
    await sql(change);
    expect(await faults()).toEqual(expected);
  });

  it('finds a tail that was cut with the head, by an anchor', async () => {
    await sql('DELETE FROM audit_log WHERE seq > 15');
    await sql('UPDATE audit_head SET seq = 15, hash = (SELECT hash FROM audit_log WHERE seq = 15)');
    expect(await faults()).toEqual([]);
    expect(await faults({ anchor })).toEqual([{ fault: 'cut', last: 15, expected: 20, by: 'anchor' }]);
    await write(10);
    expect(await faults({ anchor })).toEqual([{ fault: 'rewritten', seq: 20, by: 'anchor' }]);
  });

  it('begins where it is told to, and says when what stands before is not there', async () => {
    await sql(`UPDATE audit_log SET entry = replace(entry, '"n":7', '"n":8') WHERE seq = 7`);
    expect(await faults({ from: 8 })).toEqual([]);
    await sql('DELETE FROM audit_log WHERE seq IN (7, 8)');
    expect(await faults({ from: 8 })).toEqual([{ fault: 'missing', from: 8, to: 8 }]);
  });
});

describe('a log that many write to at once', () => {
  const isEmbedded = testDatabaseSource().kind !== 'postgres';
  // The embedded database has one session: its writers take turns, and an act takes some milliseconds.
  const acts = isEmbedded ? 1000 : 10_000;

  it('is one chain without a gap, of 32 writers', { timeout: 120_000 }, async () => {
    if (isEmbedded)
      process.stdout.write(
        `${acts} acts instead of 10,000: the embedded database has one session, in which writers take turns.\n`,
      );
    await empty();
    const pool = new pg.Pool({ connectionString: services.database.url, max: isEmbedded ? 1 : 32 });
    let left = acts;
    const writer = async () => {
      while (left > 0) {
        left -= 1;
        await pool.query(`SELECT write_audit(NULL, NULL, 'test.done', NULL, NULL, '{"n":1}', 'because')`);
      }
    };
    await Promise.all(Array.from({ length: 32 }, writer)).finally(() => pool.end());
    const check = new AuditCheck(services.auditLog);
    const found: AuditFault[] = [];
    for await (const fault of check.faults()) found.push(fault);
    expect(found).toEqual([]);
    expect([check.count, check.head.seq]).toEqual([acts, acts]);
  });
});
