import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { waitUntil } from '../../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const APPEND =
  "SELECT outcome FROM append_messages($1::uuid[], $2::uuid[], $3::uuid[], $4, $5, 2000, 'member', 'moderator')";
const WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

// A transaction that is open on the embedded database is everybody's.
const oneSession = testDatabaseSource().kind === 'embedded';

it.skipIf(oneSession)(
  'who becomes a member while the batch waits is not refused: the message is written next (skipped on the embedded database, which has one session)',
  async () => {
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const [locked, other] = [await services.newChat(ann), await services.newChat(ann)];
    const holder = await services.db.pool.connect();
    const [ids, nonces] = [
      [crypto.randomUUID(), crypto.randomUUID()],
      ['n', 'n'],
    ];
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [locked.id]);
      const sends = services.db.pool.query<{ outcome: string }>(APPEND, [
        ...[ids, [locked.id, other.id], [ann.id, bob.id]],
        ...[['hi', 'hi'], nonces],
      ]);
      await waitUntil(
        'The wait for the chat',
        1500,
        async () => (await services.db.pool.query(WAITING)).rowCount === 1,
      );
      await services.memberships.add(null, other.id, bob.id);
      await holder.query('ROLLBACK');
      expect((await sends).rows.map(({ outcome }) => outcome)).toEqual(['created', 'busy']);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
  },
);
