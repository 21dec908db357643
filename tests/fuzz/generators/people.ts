import fc from 'fast-check';

/**
 * Who and what the inputs speak of. An input holds placeholders like `__token.member__`, which are filled in when it is
 * sent: so a seed makes the same inputs in every run, and a counterexample says what it is about.
 */
export const ACTORS = ['boss', 'member', 'stranger', 'reader', 'victim', 'app', 'former'] as const;
export type Actor = (typeof ACTORS)[number];

/** Who has a user. */
export const PEOPLE = ['boss', 'member', 'stranger', 'reader', 'victim'] as const;
export const CHATS = ['talk', 'archive', 'foreign'] as const;
export const CLIENTS = ['confidential', 'public'] as const;

export const placeholder = (kind: string, name: string) => `__${kind}.${name}__`;

const actor = fc.oneof(
  { arbitrary: fc.constantFrom('boss', 'member'), weight: 3 },
  { arbitrary: fc.constantFrom(...ACTORS), weight: 1 },
);

export const goodToken = actor.map((name) => placeholder('token', name));

const UNKNOWN_TOKEN = `cat_${'A'.repeat(43)}`;

/** An access token, or what somebody may take for one. */
export const anyToken = fc.oneof(
  { arbitrary: goodToken, weight: 8 },
  {
    arbitrary: fc.constantFrom(
      UNKNOWN_TOKEN,
      'x'.repeat(30),
      'cat_',
      '',
      'a b',
      placeholder('refresh', 'victim'),
      placeholder('ticket', 'member'),
    ),
    weight: 1,
  },
);

export const anyId = fc.oneof(
  { arbitrary: fc.constantFrom(...CHATS).map((name) => placeholder('chat', name)), weight: 4 },
  { arbitrary: fc.constantFrom(...PEOPLE).map((name) => placeholder('user', name)), weight: 3 },
  { arbitrary: fc.uuid(), weight: 1 },
  { arbitrary: fc.constantFrom('', '0', 'not-a-uuid', '00000000-0000-0000-0000-000000000000\n'), weight: 1 },
);

export const anyCursor = fc.oneof(
  { arbitrary: fc.constantFrom(...CHATS).map((name) => placeholder('cursor', name)), weight: 4 },
  { arbitrary: fc.constant(placeholder('beginning', 'archive')), weight: 2 },
  {
    arbitrary: fc.constantFrom(
      '',
      ':',
      'zzzz:0',
      'zzzz:2147483647',
      'zzzz:2147483648',
      'zzzz:-1',
      'zzzz:01',
      'ZZ:1',
      'a:1 ',
    ),
    weight: 1,
  },
);

/** Sent once, a message stands in the history for ever: few of them are long. */
export const content = fc.oneof(
  { arbitrary: fc.constantFrom('hi', ' hello \n', '💬', 'a'.repeat(100)), weight: 6 },
  { arbitrary: fc.constantFrom('', '\t', 'x'.repeat(4000), 'x'.repeat(4001), 'a\0b', '\ud800', '\u202e'), weight: 1 },
);
