import { pbkdf2Sync } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decoysFor } from '../../../src/domain/credentials/decoy-hashes.js';
import { verifyByScheme } from '../../../src/domain/credentials/password-schemes.js';
import { PasswordHasher } from '../../../src/domain/credentials/passwords.js';
import { PASSWORD, startOwnServices, startServices } from '../../support/services.js';

function djangoHash(password: string, rounds: number): string {
  return `pbkdf2_sha256$${rounds}$salt$${pbkdf2Sync(password, 'salt', rounds, 32, 'sha256').toString('base64')}`;
}

/** What it costs to verify these one after the other: argon2's parameters, and rounds of PBKDF2 in all. */
function workOf(hashes: string[]) {
  const argon2 = hashes.flatMap((stored) => /\$argon2.*p=\d+/.exec(stored)?.[0] ?? []).sort();
  const rounds = hashes.map((stored) => Number(/^pbkdf2_sha256\$(\d+)/.exec(stored)?.[1] ?? 0));
  return { argon2, rounds: rounds.reduce((sum, each) => sum + each, 0) };
}

describe('the work of a refusal', () => {
  it('is the same for every stored hash, and for none', async () => {
    const [weak, django] = [
      { memoryCost: 8192, timeCost: 1 },
      { memoryCost: 102_400, timeCost: 2, parallelism: 8 },
    ];
    const stored = [
      await new PasswordHasher().hash(PASSWORD),
      await hash(PASSWORD, weak),
      `argon2${await hash(PASSWORD, django)}`,
      djangoHash(PASSWORD, 1000),
      djangoHash(PASSWORD, 2600),
    ];
    const inUse = ['$argon2id$v=19$m=8192,t=1,p=1', 'argon2$argon2id$v=19$m=102400,t=2,p=8', 'md5'];
    const all = [...inUse, 'pbkdf2_sha256$1000', 'pbkdf2_sha256$2600'];
    const expected = {
      argon2: ['102400,t=2,p=8', '19456,t=2,p=1', '8192,t=1,p=1'].map((cost) => `$argon2id$v=19$m=${cost}`),
      rounds: 2600,
    };
    for (const each of stored) expect(workOf([each, ...decoysFor(each, all)])).toEqual(expected);
    expect(workOf(decoysFor(null, all))).toEqual(expected);
    expect(workOf(decoysFor('md5$salt$digest', all))).toEqual(expected);
  });

  it('is one hash of this service where there are no others', async () => {
    const stored = await new PasswordHasher().hash(PASSWORD);
    expect(decoysFor(stored, [])).toEqual([]);
    expect(workOf(decoysFor(null, []))).toEqual({ argon2: ['$argon2id$v=19$m=19456,t=2,p=1'], rounds: 0 });
  });

  it('is done by hashes that can be verified and are of nobody', async () => {
    const decoys = decoysFor(null, ['argon2$argon2i$v=19$m=8192,t=1,p=1', 'pbkdf2_sha256$1000', '$argon2id$broken']);
    expect(decoys).toHaveLength(3);
    for (const decoy of decoys) expect(await verifyByScheme(decoy, PASSWORD)).toBe(false);
  });
});

describe('a refused sign-in', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
  });
  afterAll(() => services.close());

  /** What a wrong password for each of these is verified against. */
  async function refusals({ signIn }: Pick<typeof services, 'signIn'>, usernames: string[]) {
    const { verify } = PasswordHasher.prototype;
    const seen: ReturnType<typeof workOf>[] = [];
    PasswordHasher.prototype.verify = function (storedHash, password, admit, inUse = []) {
      seen.push(workOf([...(storedHash === null ? [] : [storedHash]), ...decoysFor(storedHash, inUse)]));
      return verify.call(this, storedHash, password, admit, inUse);
    };
    try {
      for (const username of usernames) expect(await signIn.authenticate(username, 'wrong')).toBeUndefined();
    } finally {
      PasswordHasher.prototype.verify = verify;
    }
    return seen;
  }

  it('works as much for unknown, native and inactive users as for imported ones, and no more once those have signed in', async () => {
    await services.users.create({ username: 'native', password: PASSWORD });
    const { id } = await services.users.create({ username: 'inactive', password: PASSWORD });
    await services.users.update(id, { isActive: false });
    const native = { argon2: ['$argon2id$v=19$m=19456,t=2,p=1'], rounds: 0 };
    const usernames = ['native', 'inactive', 'nobody'];
    expect(await refusals(services, usernames)).toEqual(Array(3).fill(native));
    const passwordHash = djangoHash(PASSWORD, 5000);
    await services.db.prisma.user.create({ data: { id: crypto.randomUUID(), username: 'imported', passwordHash } });
    // A process that starts after the import; one that runs already knows of it a minute later.
    for (const rounds of [5000, 0]) {
      const restarted = await startServices(services.database);
      expect(await refusals(restarted, [...usernames, 'imported'])).toEqual(Array(4).fill({ ...native, rounds }));
      expect(await restarted.signIn.authenticate('imported', PASSWORD)).toBeDefined();
      await restarted.close();
    }
  });

  it('takes the time of the slowest scheme in use', async () => {
    const hasher = new PasswordHasher();
    const slow = djangoHash(PASSWORD, 1_000_000);
    const timed = async (storedHash: string | null, inUse: string[]) => {
      const times: number[] = [];
      for (let count = 0; count < 3; count += 1) {
        const begun = performance.now();
        expect(await hasher.verify(storedHash, 'wrong', undefined, inUse)).toBe(false);
        times.push(performance.now() - begun);
      }
      return Math.min(...times);
    };
    expect(await timed(null, ['pbkdf2_sha256$1000000'])).toBeGreaterThan((await timed(slow, [])) / 2);
  });

  it('finds the schemes of other services by an index that holds nothing else', async () => {
    const { rows } = await services.db.pool.query(
      `SELECT indexdef FROM pg_indexes WHERE indexname = 'users_foreign_hash_idx'`,
    );
    expect(rows[0]?.indexdef).toContain(`!~~ '$argon2id$v=19$m=19456,t=2,p=1$%'`);
  });
});
