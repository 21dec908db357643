import { LIMITS } from '../../../src/graphql/documents/limits.js';
/** A request that is made to cost much, and the words by which the limit or rule that it is to reach refuses it. */
export interface HostileRequest {
  query: string;
  says: string;
  /** JSON; written out, since what is nested as deeply cannot be made into it. */
  variables?: string;
}

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
/** `open`, with as many braces as it opens, so many times within itself. */
const nested = (open: string, depth: number, core: string) =>
  `${open.repeat(depth)}${core}${'}'.repeat(depth * (open.split('{').length - 1))}`;
const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

const USER_BY_ID = 'query ($id: ID!) { user(id: $id) { id } }';
const RING = 'within itself';
const WORDS = 'Document contains more that 1000 tokens';
const FIELDS = 'more than 400 fields';
const TOP = 'more than 20 fields at its top';
const LEVELS = 'more than 10 levels';
const PAIRS = 'more than 1000 pairs of fields under one name';
const SCHEMA = `more than ${LIMITS.introspection} fields of the schema`;
const VALUES = 'more than 10000 values';
const WEIGHT = 'more than 30000 fields to answer with';

/** Documents within the limit of characters, of which none may be run. */
export const HOSTILE: Record<string, HostileRequest> = {
  'four hundred fields at the top': { query: `{ ${times(400, (index) => `a${index}: __typename`)} }`, says: WORDS },
  'two hundred fields at the top': { query: `{ ${times(200, (index) => `a${index}: __typename`)} }`, says: TOP },
  'four hundred aliases of one field': { query: `{ me { ${times(400, (index) => `a${index}: id`)} } }`, says: WORDS },
  'twenty-one lists by aliases': { query: `{ ${times(21, (index) => `a${index}: chats { id }`)} }`, says: TOP },
  'nine hundred fields side by side': { query: `{ me { ${times(900, () => 'id')} } }`, says: FIELDS },

  'four thousand levels': { query: nested('{a', 4000, ''), says: WORDS },
  'three hundred levels': { query: nested('{ a ', 300, '{ a }'), says: LEVELS },
  'forty levels that exist': { query: `{ chats { ${nested('members { chat { ', 20, 'id')} } }`, says: LEVELS },
  'levels by fragments': {
    query: `{ chats { ...F0 } } ${times(12, (index) => `fragment F${index} on Chat { lastMessage { chat { ...F${index + 1} } } }`)} fragment F12 on Chat { id }`,
    says: LEVELS,
  },
  'a hundred and ninety inline fragments within each other': {
    query: `{ ${nested('... on Query { ', 190, 'nothing')} }`,
    says: 'Cannot query field "nothing"',
  },
  'a value of four hundred levels': {
    query: `{ user(id: ${lists(400)}) { id } }`,
    says: 'ID cannot represent a non-string',
  },
  'sixteen thousand open braces': { query: '{'.repeat(16_000), says: 'Syntax Error' },

  'a hundred lists in one place': {
    query: `{ chats { ${times(100, () => 'members { user { id } }')} } }`,
    says: PAIRS,
  },
  'lists in one place by fragments': {
    query: `{ chats { ${times(50, (index) => `...F${index}`)} } } ${times(50, (index) => `fragment F${index} on Chat { members { joinedAt } }`)}`,
    says: PAIRS,
  },
  'lists in one place of a fragment that nobody uses': {
    query: `{ __typename } fragment F on Chat { ${times(100, () => 'members { user { id } }')} }`,
    says: PAIRS,
  },
  'one place from two sides, on four levels': {
    query: `{ chats { ${times(40, () => 'members { chat { members { joinedAt } } }')} } ${times(2, () => 'chats { members { user { id } } }')} }`,
    says: PAIRS,
  },
  'a hundred and forty arguments to agree': { query: `{ me { ${times(140, () => 'id(a: 1)')} } }`, says: PAIRS },
  'sixty inline fragments of one type': {
    query: `{ chatEvents(chatId: "x", after: "x:0") { events { ${times(60, () => '... on MessageCreated { message { id } }')} } } }`,
    says: PAIRS,
  },
  'two hundred names that do not agree': {
    query: `{ me { ${times(160, (index) => (index % 2 ? 'a: id' : 'a: username'))} } }`,
    says: 'Fields "a" conflict',
  },

  'three hundred directives on a field': {
    query: `{ me ${times(120, () => '@include(if: true)')} { id } }`,
    says: 'can only be used once',
  },
  'directives that nobody knows': {
    query: `{ me ${times(450, (index) => `@d${index}`)} { id } }`,
    says: 'Unknown directive',
  },

  'a fragment within itself': { query: 'query { me { ...A } } fragment A on User { id ...A }', says: RING },
  'a ring of a hundred fragments': {
    query: `{ me { ...F0 } } ${times(100, (index) => `fragment F${index} on User { ...F${(index + 1) % 100} }`)}`,
    says: RING,
  },
  'a ring through fields': {
    query:
      '{ chats { lastMessage { ...M } } } fragment M on Message { a: chat { lastMessage { ...M } } b: chat { lastMessage { ...M } } }',
    says: RING,
  },
  'a ring that nobody uses': { query: '{ me { id } } fragment A on User { ...A }', says: RING },
  'twenty fragments that all spread each other': {
    query: `{ me { ...F0 } } ${times(20, (index) => `fragment F${index} on User { ${times(20, (other) => `...F${other}`)} }`)}`,
    says: RING,
  },
  'fragments that double thirty times': {
    query: `{ me { ...F0 } } ${times(30, (index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`)} fragment F30 on User { id }`,
    says: FIELDS,
  },
  'fragments that double thirty times and hold nothing': {
    query: `{ me { ...F0 } } ${times(30, (index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`)}`,
    says: 'Unknown fragment "F30"',
  },
  'fragments that double by fields': {
    query: `{ chats { ...F0 } } ${times(20, (index) => `fragment F${index} on Chat { a: lastMessage { chat { ...F${index + 1} } } b: lastMessage { chat { ...F${index + 1} } } }`)} fragment F20 on Chat { id }`,
    says: FIELDS,
  },
  'spreads that meet in fragments of fragments': {
    query: `{ me { ...F0 } } ${times(25, (index) => `fragment F${index} on User { id ${times(25 - index, (other) => `...F${index + 1 + other}`)} }`)} fragment F25 on User { id }`,
    says: FIELDS,
  },
  'a hundred fragments that nobody uses': {
    query: `{ me { id } } ${times(100, (index) => `fragment F${index} on User { id }`)}`,
    says: 'is never used',
  },

  'the schema of the schema of the schema': {
    query: '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
    says: 'Maximum introspection depth exceeded',
  },
  'types of types of types': {
    query: `{ __type(name: "Chat") { ${nested('fields { type { ', 10, 'name')} } }`,
    says: 'Maximum introspection depth exceeded',
  },
  'the schema twenty-one times': {
    query: `{ ${times(21, (index) => `a${index}: __schema { types { name } }`)} }`,
    says: TOP,
  },
  'the schema twenty times': {
    query: `{ ${times(20, (index) => `a${index}: __schema { types { fields { name args { name } type { name } } } }`)} }`,
    says: SCHEMA,
  },
  'the types of the schema thirty times': {
    query: `{ __schema { ${times(30, (index) => `a${index}: types { fields { name args { name type { name } } } }`)} } }`,
    says: SCHEMA,
  },
  'the name of everything three hundred times': {
    query: `{ __schema { types { fields { ${times(300, (index) => `a${index}: name`)} } } } }`,
    says: SCHEMA,
  },
  'the schema again and again by a fragment': {
    query: `{ ${times(20, (index) => `a${index}: __schema { ...S }`)} } fragment S on __Schema { types { fields { ${times(16, (index) => `a${index}: name`)} } } }`,
    says: SCHEMA,
  },

  'a hundred operations': {
    query: times(100, (index) => `query A${index} { me { id } }`),
    says: 'operationName is required',
  },
  'sixty operations with one chain of sixty fragments': {
    query: `${times(60, (index) => `query A${index} { ...F0 }`)} ${times(60, (index) => `fragment F${index} on Query { ...F${index + 1} }`)} fragment F60 on Query { me { id } }`,
    says: 'operationName is required',
  },
  'a hundred and sixty variables': {
    query: `query (${times(160, (index) => `$v${index}: String = "x"`)}) { __typename }`,
    says: 'is never used',
  },
  'two hundred arguments': {
    query: `{ me(${times(200, (index) => `a${index}: 1`)}) { id } }`,
    says: 'Unknown argument',
  },
  'names that are nearly right': {
    query: `{ ${times(15, (index) => `assignUserToChaat${'t'.repeat(40)}${index} { id }`)} }`,
    says: 'Cannot query field',
  },
  'types that are nearly right': {
    query: `{ me { id } } ${times(100, (index) => `fragment F${index} on ChatMembershi${index} { id }`)}`,
    says: 'Unknown type "ChatMembershi0". Did you mean',
  },
  'a name of sixteen thousand letters': { query: `{ ${'chats'.repeat(3200)} }`, says: 'Cannot query field' },

  'a string of sixteen thousand characters': {
    query: `{ chats(first: "${'x'.repeat(16_000)}") { id } }`,
    says: 'Int cannot represent non-integer value',
  },
  'a string of two thousand escapes': {
    query: `{ chats(first: "${'\\u0041'.repeat(2600)}") { id } }`,
    says: 'Int cannot represent non-integer value',
  },
  'a block string of five thousand lines': {
    query: `{ chats(first: """${'\n x'.repeat(5000)}""") { id } }`,
    says: 'Int cannot represent non-integer value',
  },
  'a number of sixteen thousand digits': {
    query: `{ chats(first: ${'9'.repeat(16_000)}) { id } }`,
    says: 'Int cannot represent',
  },
  'eight thousand comments': { query: `{ nothing ${'#\n'.repeat(8000)} }`, says: 'Cannot query field "nothing"' },
  'sixteen thousand commas': { query: `{ nothing ${','.repeat(16_000)} }`, says: 'Cannot query field "nothing"' },

  'a variable of a hundred levels': { query: USER_BY_ID, variables: `{"id":${lists(100)}}`, says: 'got invalid value' },
  'a variable of eleven thousand members': {
    query: USER_BY_ID,
    variables: `{"id":[${times(11_000, () => '0').replaceAll(' ', ',')}]}`,
    says: VALUES,
  },
  'a variable of nine thousand escapes': {
    query: 'query ($first: Int) { chats(first: $first) { id } }',
    variables: `{"first":"${'\\u0000'.repeat(9000)}"}`,
    says: 'got invalid value',
  },

  'lists within lists within lists': {
    query: '{ chats { members { chat { members { chat { members { user { id } } } } } } } }',
    says: WEIGHT,
  },
  'long lists within long lists': {
    query: 'query ($n: Int) { chats(first: $n) { members(first: $n) { user { id } } } }',
    variables: '{"n":500}',
    says: WEIGHT,
  },
  'twenty pages of events': {
    query: `{ ${times(20, (index) => `a${index}: chatEvents(chatId: "x", after: "x:0", limit: 500) { events { seq actor { id } } }`)} }`,
    says: WEIGHT,
  },
  'twenty passwords to hash': {
    query: `mutation { ${times(20, (index) => `a${index}: changePassword(currentPassword: "${index}", newPassword: "password")`)} }`,
    says: WEIGHT,
  },
};

/** Documents that are too long to be looked into. */
export const TOO_LONG: Record<string, string> = {
  'ten thousand levels': nested('{ a ', 10_000, ''),
  'a string of sixty thousand characters': `{ user(id: "${'x'.repeat(60_000)}") { id } }`,
  'eight thousand escapes': `{ user(id: "${'\\u0041'.repeat(8000)}") { id } }`,
  'a block string of ten thousand lines': `{ user(id: """${'\n '.repeat(10_000)}x""") { id } }`,
  'eighteen thousand comments': `{ __typename } ${'#\n'.repeat(18_000)}`,
  'sixty thousand commas': `{ __typename ${','.repeat(60_000)} }`,
  'sixty thousand open braces': '{'.repeat(60_000),
};

/** Longer than a body or a frame may be. */
export const FIFTY_THOUSAND_FIELDS = `{ ${times(50_000, (index) => `a${index}: __typename`)} }`;
/** Deeper than a body or a frame may be. */
export const DEEP_VARIABLES: HostileRequest = {
  query: USER_BY_ID,
  variables: `{"id":${lists(10_000)}}`,
  says: 'nested so deeply',
};

/** Bodies that hold no single operation, or one with more than anybody sends. */
export const HOSTILE_BODIES: Record<string, string> = {
  'a batch': JSON.stringify([{ query: '{ me { id } }' }]),
  'a batch of a thousand': JSON.stringify(Array(1000).fill({ query: '{ me { id } }' })),
  'ten thousand open brackets': `{"query":"{ me { id } }","variables":${'['.repeat(10_000)}`,
  'forty thousand levels': `{"query":"{ me { id } }","variables":[${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}]}`,
  'a member __proto__': '{"query":"{ me { id } }","variables":{"__proto__":{"isAdmin":true}}}',
  'a text of 240,000 characters for a number': `{"query":"query ($n: Int) { chats(first: $n) { id } }","variables":{"n":"${'\\n'.repeat(120_000)}"}}`,
  'a hundred thousand variables': `{"query":"${USER_BY_ID}","variables":{"id":[${Array(100_000).fill(0).join()}]}}`,
};
