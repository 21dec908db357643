import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startOwnServices } from '../support/services.js';

describe('SignIn', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
  });
  afterAll(() => services.close());

  it('gives the profile of the active user with this name and password, and nothing private', async () => {
    const { id } = await services.users.create({ username: 'ann', password: PASSWORD, email: 'ann@example.org' });
    expect(await services.signIn.authenticate('ann', PASSWORD)).toEqual({
      user: { id, username: 'ann', firstName: '', lastName: '', role: 'user', dateJoined: expect.any(String) },
      passwordVersion: 0,
    });
  });

  it.each(['Ann', 'ann ', '', 'an\0n', 'an\ud800n', 'x'.repeat(301)])(
    'knows nobody by the name %j',
    async (username) => {
      expect(await services.signIn.authenticate(username, PASSWORD)).toBeUndefined();
    },
  );

  it('replaces a hash of older parameters when its password is right', async () => {
    const { id } = await services.users.create({ username: 'bob', password: PASSWORD });
    const passwordHash = await hash(PASSWORD, { memoryCost: 8192, timeCost: 1 });
    const stored = async () => (await services.db.prisma.user.findUniqueOrThrow({ where: { id } })).passwordHash;
    await services.db.prisma.user.update({ where: { id }, data: { passwordHash } });
    await services.signIn.authenticate('bob', 'wrong');
    expect(await stored()).toBe(passwordHash);
    expect(await services.signIn.authenticate('bob', PASSWORD)).toBeDefined();
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await services.signIn.authenticate('bob', PASSWORD)).toBeDefined();
  });
});
