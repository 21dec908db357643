import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { anchorText } from '../../../src/domain/moderation/audit-log.js';
import { DailyAnchors } from '../../../src/domain/moderation/daily-anchors.js';
import { startOwnServices, startServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { waitUntil } from '../../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const onError = (error: unknown) => {
  throw error;
};

it('the head of the audit log is told once a day, by one of all processes, and not while the log is empty', async () => {
  // An embedded database has one process.
  const isServer = testDatabaseSource().kind === 'postgres';
  const other = isServer ? await startServices(services.database, new InProcessBus()) : services;
  const told: string[] = [];
  const never = 1e9;
  const anchors = [services, other, services].map(
    ({ db }) => new DailyAnchors(db, (anchor) => told.push(anchor), { onError, intervalMs: never }),
  );
  const tellAll = () => Promise.all(anchors.map((each) => each.tell()));
  await tellAll();
  expect(told).toEqual([]);
  const admin = await services.newViewer(await services.newUser('admin'));
  const { id } = await services.newChat();
  await services.memberships.add(admin.user, id, (await services.newUser()).id, admin);
  await tellAll();
  expect(told).toEqual([anchorText(await services.auditLog.head())]);
  expect(told[0]).toMatch(/^\d+:[0-9a-f]{64}$/);
  await tellAll();
  expect(told).toHaveLength(1);
  await services.db.pool.query("UPDATE audit_head SET anchored_on = anchored_on - interval '1 day'");
  await tellAll();
  expect(told).toEqual([told[0], told[0]]);
  await Promise.all(anchors.map((each) => each.close()));
  if (isServer) await other.close();
});

it('a service tells it by itself', async () => {
  await services.db.pool.query('UPDATE audit_head SET anchored_on = NULL');
  const told: string[] = [];
  const anchors = new DailyAnchors(services.db, (anchor) => told.push(anchor), { onError, intervalMs: 5 });
  await waitUntil('the anchor', 5000, () => told.length > 0);
  await anchors.close();
  expect(told).toEqual([anchorText(await services.auditLog.head())]);
});
