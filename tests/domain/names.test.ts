import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldName } from '../../src/domain/chats/chat-names.js';
import { usernameKey } from '../../src/domain/names.js';
import { PASSWORD, startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());
const make = (username: string, password = PASSWORD) => services.users.create({ username, password });

it('a name is one name in whatever composition, case and width it is typed', async () => {
  const user = await make('Jose\u0301');
  expect(user.username).toBe('Jos\u00e9');
  for (const same of ['Jos\u00e9', 'jose\u0301', 'JOS\u00c9', '\uff2a\uff2f\uff33\u00c9'])
    await expect(make(same)).rejects.toMatchObject({ code: 'CONFLICT', field: 'username' });
  for (const typed of ['Jose\u0301', 'Jos\u00e9'])
    expect(await services.signIn.authenticate(typed, PASSWORD)).toMatchObject({ user: { id: user.id } });
});

it.each(['admin\ufe0f', 'ad\u034fmin', '\u0430dmin', 'ad\u200bmin', '\u3164', '\u202eadmin', '\u0301'])(
  'a username that could be taken for another is refused: %j',
  async (username) => {
    await expect(make(username)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'username' });
  },
);

it.each(['Ünï-cødé.+@_9', '用户abc', 'かなカナ漢字x', '한글abc', 'Наташа', 'Γιώργος', 'محمد'])(
  '%j is a username',
  async (name) => {
    expect((await make(name)).username).toBe(name.normalize('NFC'));
  },
);

it.each(['\u200b', '\u2060 \u200d', '\u3164', '\ufe0f'])(
  'a chat name without a character that shows is refused: %j',
  async (name) => {
    await expect(services.chats.create(name)).rejects.toMatchObject({
      message: 'name must have a character that shows.',
    });
  },
);

it('a password is one password in whatever composition it is typed, and the raw form that is stored goes on', async () => {
  await make('composed', 'pässwörd-long');
  expect(await services.signIn.authenticate('composed', 'pa\u0308sswo\u0308rd-long')).toBeDefined();
  const { hash } = await import('@node-rs/argon2');
  const raw = 'pa\u0308sswo\u0308rd-long';
  const passwordHash = await hash(raw, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  await services.db.prisma.user.create({ data: { id: crypto.randomUUID(), username: 'raw', passwordHash } });
  expect(await services.signIn.authenticate('raw', raw)).toBeDefined();
});

it.each([['of users', usernameKey] as const, ['of chats', foldName] as const])(
  'the folded names %s are the same for a letter in upper and in lower case, and folded they are themselves',
  (_, fold) => {
    const unlike: string[] = [];
    for (let code = 1; code < 0x110000; code += 1) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const letter = String.fromCodePoint(code);
      const key = fold(letter);
      const forms = [letter.toLowerCase(), letter.toUpperCase(), key];
      if (forms.some((form) => fold(form) !== key)) unlike.push(code.toString(16));
    }
    expect(unlike).toEqual([]);
  },
);
