import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, PASSWORD, startAuthorizationServer } from '../support/authorization-server.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const AT_ONCE = 180;

describe('one user who signs in 180 times at once, with the right password', { timeout: 60_000 }, () => {
  let database: TestDatabase;
  let server: AuthorizationServer;
  beforeAll(async () => {
    database = await createTestDatabase();
    server = await startAuthorizationServer({}, { database });
  });
  afterAll(async () => {
    await server.close();
    await database.drop();
  });

  it.each(['203.0.113.66', '198.51.100.7'])(
    'from %s waits behind themselves; another from 198.51.100.7 does not',
    async (from) => {
      const [abuser, other] = [await server.newUser(), await server.newUser()];
      const ended: string[] = [];
      const flood = Array.from({ length: AT_ONCE }, async () => {
        const result = await server.signInService
          .authenticate(abuser.username, PASSWORD, from)
          .catch((error) => error.code);
        ended.push('flood');
        return typeof result === 'string' ? result : 'signed in';
      });
      for (let count = 0; count < 5; count += 1)
        expect(await server.signInService.authenticate(other.username, PASSWORD, '198.51.100.7')).toBeDefined();
      const outcomes = await Promise.all(flood);
      expect(outcomes.filter((outcome) => outcome === 'signed in').length).toBeGreaterThan(0);
      expect(outcomes.every((outcome) => outcome === 'signed in' || outcome === 'RATE_LIMITED')).toBe(true);
      expect(ended).toHaveLength(AT_ONCE);
    },
  );
});
