import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PasswordHasher } from '../../../src/domain/credentials/passwords.js';
import { usernameKey } from '../../../src/domain/names.js';
import { PASSWORD, startOwnServices } from '../../support/services.js';

describe('SignIn', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
  });
  afterAll(() => services.close());

  it('gives the profile of the active user with this name and password, and nothing private', async () => {
    const { id } = await services.users.create({ username: 'ann', password: PASSWORD, email: 'ann@example.org' });
    expect(await services.signIn.authenticate('ann', PASSWORD)).toEqual({
      user: {
        id,
        username: 'ann',
        firstName: '',
        lastName: '',
        role: 'user',
        kind: 'human',
        dateJoined: expect.any(String),
      },
      passwordVersion: 0,
    });
  });

  it.each(['Ann', 'ann ', '', 'an\0n', 'an\ud800n', 'x'.repeat(301)])(
    'knows nobody by the name %j',
    async (username) => {
      expect(await services.signIn.authenticate(username, PASSWORD)).toBeUndefined();
    },
  );

  it('counts guesses at one name together, in whatever composition and case it is typed', async () => {
    const [composed, decomposed] = ['ren\u00e9', 'rene\u0301'];
    await services.users.create({ username: composed, password: PASSWORD });
    const typed = [composed, decomposed, 'REN\u00c9', '\uff52en\u00e9'];
    for (let count = 0; count < 10; count += 1)
      expect(await services.signIn.authenticate(typed[count % 4] ?? '', 'wrong', '203.0.113.5')).toBeUndefined();
    for (const name of typed)
      await expect(services.signIn.authenticate(name, PASSWORD, '203.0.113.5')).rejects.toMatchObject({
        code: 'RATE_LIMITED',
      });
    expect(await services.signIn.authenticate(decomposed, PASSWORD, '198.51.100.5')).toBeDefined();
  });

  it('hashes for one name in one lane, in whatever composition it is typed', async () => {
    const typed = ['zo\u00eb', 'zoe\u0308', 'ZO\u00cb', '\uff5ao\u00eb'];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, count) =>
        services.signIn.authenticate(typed[count % 4] ?? '', PASSWORD, '203.0.113.6'),
      ),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    // Three run and eight of an account wait; more of them come only from what ends meanwhile.
    expect(refused.length).toBeGreaterThan(10);
    for (const reason of refused) expect(reason).toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('takes the name as it is typed first where two of before the rule are one', async () => {
    const [composed, decomposed] = ['jos\u00e9', 'jose\u0301'];
    const older = await services.users.create({ username: composed, password: PASSWORD });
    const passwordHash = await new PasswordHasher().hash('another password');
    const younger = await services.db.prisma.user.create({
      data: { id: crypto.randomUUID(), username: decomposed, passwordHash },
    });
    expect((await services.signIn.authenticate(composed, PASSWORD))?.user.id).toBe(older.id);
    expect((await services.signIn.authenticate(decomposed, 'another password'))?.user.id).toBe(younger.id);
    expect(await services.signIn.authenticate(composed, 'another password')).toBeUndefined();
  });

  it('finds a name that was stored decomposed before the rule by its composed form too', async () => {
    const passwordHash = await new PasswordHasher().hash(PASSWORD);
    const [composed, decomposed] = ['am\u00e9lie', 'ame\u0301lie'];
    const { id } = await services.db.prisma.user.create({
      data: { id: crypto.randomUUID(), username: decomposed, usernameKey: usernameKey(decomposed), passwordHash },
    });
    expect((await services.signIn.authenticate(composed, PASSWORD))?.user.id).toBe(id);
    await services.users.setPassword(composed, 'another password');
    expect((await services.signIn.authenticate(decomposed, 'another password'))?.user.id).toBe(id);
  });

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
