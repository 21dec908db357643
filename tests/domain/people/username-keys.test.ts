import { afterEach, describe, expect, it } from 'vitest';
import { usernameKey } from '../../../src/domain/names.js';
import { transaction } from '../../../src/domain/transaction.js';
import { createDatabase } from '../../../src/plugins/database/client.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { canChooseLocale, createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { PASSWORD, startServices } from '../../support/services.js';

/** Users of before the rule: of each line all names are one under it, the oldest first. */
const SAME: string[][] = [
  ['admin', 'Admin', 'ADMIN', 'ａｄｍｉｎ'],
  ['İbrahim', 'i̇brahim'],
  ['IBRAHIM', 'ibrahim'],
  ['ırmak'],
  ['Straße', 'STRASSE', 'strasse'],
  ['ὈΔΥΣΣΕΎΣ', 'ὀδυσσεύς', 'ὀδυσσεύσ'],
  ['Jose\u0301', 'Jos\u00e9', 'JOSÉ'],
  ['ﬁona', 'fiona'],
];
const NAMES = SAME.flat();

let database: TestDatabase | undefined;
afterEach(() => database?.drop());

/** The first rule was SQL, so the keys depended on the database's locale. */
const FIRST_RULE = `
  UPDATE users SET username_key = folded.key FROM (
    SELECT DISTINCT ON (key) id, key FROM (
      SELECT id, created_seq, normalize(lower(upper(normalize(username, NFKC))), NFKC) AS key FROM users) all_keys
    ORDER BY key, created_seq) folded
  WHERE users.id = folded.id`;

/** Rows are written newest first: keys go by the order of creation, not by ids or places of rows. */
async function oldUsers(locale: string): Promise<TestDatabase> {
  const made = locale === '' ? await createTestDatabase() : await createEmptyDatabase(locale);
  await applyMigrations(made.url);
  const db = createDatabase(made);
  for (const [index, username] of [...NAMES.entries()].reverse())
    await db.pool.query('INSERT INTO users (id, username, created_seq) VALUES ($1, $2, $3)', [
      crypto.randomUUID(),
      username,
      index + 1,
    ]);
  await db.pool.query(`SELECT setval('users_created_seq', $1)`, [NAMES.length]);
  await db.pool.query(FIRST_RULE);
  await db.pool.query('UPDATE deployment SET username_rule = NULL');
  await db.close();
  return made;
}

async function keysOf({ url, embedded }: TestDatabase): Promise<Map<string, string | null>> {
  const db = createDatabase({ url, embedded });
  const { rows } = await db.pool.query<{ username: string; username_key: string | null }>(
    'SELECT username, username_key FROM users',
  );
  await db.close();
  return new Map(rows.map((row) => [row.username, row.username_key]));
}

const EXPECTED = new Map(
  SAME.flatMap((names) => names.map((name, index) => [name, index === 0 ? usernameKey(name) : null])),
);

describe('users of before the rule for names', { timeout: 60_000 }, () => {
  const locales = {
    'its own': '',
    'that of C': `ENCODING 'UTF8' LOCALE 'C'`,
    'that of Türkiye': `ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr'`,
  };
  for (const [name, locale] of Object.entries(locales)) {
    const title = `have the service's keys, the oldest of each name, where the database's locale is ${name}`;
    // The embedded database has one locale.
    it.skipIf(locale !== '' && !canChooseLocale())(`${title}${locale ? ' (skipped when embedded)' : ''}`, async () => {
      database = await oldUsers(locale);
      await applyMigrations(database.url);
      expect(await keysOf(database)).toEqual(EXPECTED);
    });
  }

  it('have them again after another rule made others, and whoever is older then', async () => {
    database = await oldUsers('');
    await applyMigrations(database.url);
    const db = createDatabase(database);
    await db.pool.query(`UPDATE users SET username_key = NULL WHERE username IN ('admin', 'Straße')`);
    await db.pool.query(`UPDATE users SET username_key = 'admin' WHERE username = 'ADMIN'`);
    await db.pool.query(`UPDATE users SET username_key = 'straße' WHERE username = 'strasse'`);
    await applyMigrations(database.url);
    expect(await keysOf(database)).not.toEqual(EXPECTED);
    await db.pool.query(`UPDATE deployment SET username_rule = '0'`);
    expect(await applyMigrations(database.url)).toEqual([]);
    expect(await keysOf(database)).toEqual(EXPECTED);
    await db.close();
  });

  it('keep the keys that a newer Node.js made, and get those of a newer one than made theirs', async () => {
    database = await oldUsers('');
    await applyMigrations(database.url);
    const db = createDatabase(database);
    const rule = async () => (await db.pool.query('SELECT username_rule AS rule FROM deployment')).rows[0]?.rule;
    const own = await rule();
    const cases = {
      '1, Unicode 9999.10': 'theirs',
      '1, Unicode 9.10': 'admin',
      '2, Unicode 1.0': 'theirs',
      '': 'admin',
    };
    for (const [stored, key] of Object.entries(cases)) {
      await db.pool.query(`UPDATE users SET username_key = 'theirs' WHERE username = 'admin'`);
      await db.pool.query('UPDATE deployment SET username_rule = $1', [stored]);
      await applyMigrations(database.url);
      expect([stored, (await keysOf(database)).get('admin')]).toEqual([stored, key]);
      expect(await rule()).toBe(key === 'theirs' ? stored : own);
      await db.pool.query(`UPDATE users SET username_key = NULL WHERE username = 'ADMIN'`);
    }
    await db.close();
  });

  it('whom an old process makes beside a new one get their keys at the next start, where these are free', async () => {
    database = await createTestDatabase();
    const db = createDatabase(database);
    await applyMigrations(database.url);
    const services = await startServices(database);
    await services.users.create({ username: 'ann', password: PASSWORD });
    for (const username of ['Bob', 'ANN', 'bob'])
      await db.pool.query('INSERT INTO users (id, username, date_joined) VALUES (gen_random_uuid(), $1, now())', [
        username,
      ]);
    expect(await applyMigrations(database.url)).toEqual([]);
    expect(await keysOf(database)).toEqual(
      new Map([
        ['ann', 'ann'],
        ['Bob', 'bob'],
        ['ANN', null],
        ['bob', null],
      ]),
    );
    await expect(services.users.create({ username: 'BOB', password: PASSWORD })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await services.close();
    await db.close();
  });

  it.runIf(canChooseLocale())('without a key hold up no start where these are taken (on a server alone)', async () => {
    database = await oldUsers('');
    await applyMigrations(database.url);
    const db = createDatabase(database);
    await transaction(db, async (connection) => {
      await connection.query('LOCK TABLE users IN ROW EXCLUSIVE MODE');
      expect(await applyMigrations(database?.url ?? '')).toEqual([]);
    });
    await db.close();
  });

  it('sign in with their exact names, each of them, and nobody new gets a name like theirs', async () => {
    database = await oldUsers('');
    await applyMigrations(database.url);
    const services = await startServices(database);
    for (const [index, name] of NAMES.entries()) await services.users.setPassword(name, `${PASSWORD} ${index}`);
    for (const [index, name] of NAMES.entries())
      expect(await services.signIn.authenticate(name, `${PASSWORD} ${index}`)).toMatchObject({
        user: { username: name },
      });
    for (const username of ['aDMIN', 'STRAẞE', 'ὈΔΥΣΣΕΎΣ', 'josé', 'Fiona'])
      await expect(services.users.create({ username, password: PASSWORD })).rejects.toMatchObject({ code: 'CONFLICT' });
    await services.close();
  });
});
