import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';

const DAY_MS = 86_400_000;

/** As a process makes it whose clock is that much ahead. */
const idAhead = (ms: number) => uuidv7({ msecs: Date.now() + ms });

describe('lists', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  let app: GraphqlApp;
  let admin: UserProfile;
  beforeAll(async () => {
    services = await startOwnServices();
    app = await startGraphqlApp(services);
    admin = await services.newUser('admin');
  });
  afterAll(async () => {
    await app.close();
    await services.close();
  });

  async function idsOf(list: string, after?: string): Promise<string[]> {
    const query = list.replace('#', after === undefined ? '' : `(after: "${after}")`);
    const { data, codes } = await app.run(query, {}, { token: await app.newToken(admin) });
    expect(codes).toEqual([]);
    const text = JSON.stringify(data);
    return [...text.matchAll(/"id":"([^"]+)"/g)].flatMap(([, id]) => id ?? []);
  }
  const newUser = async (id: string) => {
    await services.db.prisma.user.create({ data: { id, username: id } });
    return id;
  };

  it('of users bring whoever is made after the last one, though an earlier clock was a day ahead', async () => {
    const ahead = await newUser(idAhead(DAY_MS));
    const users = '{ users# { id } }';
    expect((await idsOf(users)).at(-1)).toBe(ahead);
    const later = [await newUser(idAhead(0)), await newUser(idAhead(0))];
    expect(await idsOf(users, ahead)).toEqual(later);
    expect(await idsOf(users)).toEqual([admin.id, ahead, ...later]);
    expect(await idsOf(users, later.at(-1))).toEqual([]);
  });

  it('of chats do, and of the members of a chat', async () => {
    const [early, ahead, late] = [idAhead(-DAY_MS), idAhead(DAY_MS), idAhead(0)];
    for (const id of [ahead, late, early])
      await services.db.prisma.chat.create({ data: { id, name: id, nameKey: id, epoch: 'e' } });
    expect(await idsOf('{ chats# { id } }')).toEqual([ahead, late, early]);
    expect(await idsOf('{ chats# { id } }', ahead)).toEqual([late, early]);
    const [first, second] = [await newUser(idAhead(DAY_MS)), await newUser(idAhead(0))];
    for (const id of [second, first, admin.id]) await services.memberships.add(null, late, id);
    const members = `{ chat(name: "${late}") { members# { user { id } } } }`;
    expect(await idsOf(members)).toEqual([admin.id, first, second]);
    expect(await idsOf(members, first)).toEqual([second]);
    await services.memberships.remove(null, late, first);
    expect(await idsOf(members, first)).toEqual([second]);
  });

  it('go on behind an id that is not there any more where its clock puts it', async () => {
    const users = '{ users# { id } }';
    const all = await idsOf(users);
    expect(await idsOf(users, '00000000-0000-0000-0000-000000000000')).toEqual(all);
    expect(await idsOf(users, 'ffffffff-ffff-ffff-ffff-ffffffffffff')).not.toContain(admin.id);
  });

  it('show nobody before those who were made earlier, and whose transaction is still under way', async () => {
    const slow = await services.db.pool.connect();
    const ids = [idAhead(0), idAhead(0)];
    const insert = 'INSERT INTO users (id, username) VALUES ($1::uuid, $1::text)';
    await slow.query('BEGIN');
    await slow.query(insert, [ids[0]]);
    let isSecondIn = false;
    const second = services.db.pool.query(insert, [ids[1]]).then(() => {
      isSecondIn = true;
    });
    // The embedded database lets one transaction at a time in anyway, and has nobody to ask meanwhile.
    if (!services.database.embedded)
      await waitUntil('the second one waits', 5000, async () => {
        const { rows } =
          await services.db.pool.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
        return rows.length === 1;
      });
    expect(isSecondIn).toBe(false);
    await slow.query('COMMIT');
    slow.release();
    await second;
    expect((await idsOf('{ users# { id } }')).slice(-2)).toEqual(ids);
  });
});
