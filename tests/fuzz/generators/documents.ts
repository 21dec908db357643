import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { anyCursor, anyId, anyToken, content } from './people.js';
import { edited, oddText, oddValue } from './texts.js';

/** One operation as a client sends it; `variables` may be of any type at all. */
export interface GeneratedOperation {
  query: string;
  variables: unknown;
  operationName: unknown;
}

interface Variable {
  name: string;
  type: string;
  value: unknown;
}

/** A part of a document, with the variables that it uses. */
interface Part {
  text: string;
  variables: readonly Variable[];
}

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));
const DEPTH = 4;
const NOTHING: Part = { text: '', variables: [] };

const int = fc.oneof(
  { arbitrary: fc.constantFrom(1, 2, 10, 50, 100, 500), weight: 3 },
  { arbitrary: fc.constantFrom(0, -1, 101, 501, 2 ** 31 - 1, 2 ** 31, 1e21, 1.5, -0), weight: 1 },
);
/** Created once, a user or chat stays: most names are taken or refused. */
const name = fc.oneof(
  { arbitrary: fc.constantFrom('talk', 'TALK', 'archive', 'foreign', 'member', 'a/b', 'a b'), weight: 8 },
  { arbitrary: oddText, weight: 1 },
);
const texts: Record<string, fc.Arbitrary<unknown>> = {
  after: anyCursor,
  name,
  username: name,
  content,
  token: anyToken,
  nonce: fc.constantFrom('n1', 'n2', '', 'x'.repeat(129), '\0'),
  password: fc.constantFrom('', 'short', 'x'.repeat(257), 'a long enough password', '\ud800 passwords'),
  currentPassword: fc.constantFrom('', 'not the password', '\0', 'x'.repeat(300)),
  newPassword: fc.constantFrom('', 'short', 'x'.repeat(257), 'a long enough password'),
};

function valueFor(argument: string, type: GraphQLInputType): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return valueFor(argument, type.ofType);
  if (isListType(type)) return fc.array(valueFor(argument, type.ofType), { maxLength: 3 });
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map((value) => value.name));
  switch (type.name) {
    case 'ID':
      return anyId;
    case 'Int':
      return int;
    case 'Boolean':
      return fc.boolean();
    default:
      return texts[argument] ?? oddText;
  }
}

/** Literals of GraphQL are almost JSON: enum values and the names of members stand without quotes. */
function literal(value: unknown, type: GraphQLInputType): string {
  if (typeof value === 'string' && isEnumType(getNamedType(type))) return value;
  return JSON.stringify(value).replace(/"([A-Za-z_]\w*)":/g, '$1:');
}

function argumentPart({ name, type }: GraphQLArgument): fc.Arbitrary<Part> {
  const value = fc.oneof({ arbitrary: valueFor(name, type), weight: 12 }, { arbitrary: oddValue, weight: 1 });
  return fc.tuple(value, fc.boolean(), fc.nat(9999)).map(([given, isVariable, number]) => {
    if (!isVariable) return { text: `${name}: ${literal(given, type)}`, variables: [] };
    const variable = { name: `v${number}`, type: String(type), value: given };
    return { text: `${name}: $${variable.name}`, variables: [variable] };
  });
}

/** All that have to be there and some of the others; now and then one is left out all the same. */
function argumentsPart(all: readonly GraphQLArgument[]): fc.Arbitrary<Part> {
  const parts = all.map((argument) => {
    const isNeeded = isNonNullType(argument.type);
    return fc.option(argumentPart(argument), { nil: NOTHING, freq: isNeeded ? 40 : 2 });
  });
  return fc.tuple(...parts).map((given) => {
    const there = given.filter(({ text }) => text !== '');
    const text = there.length === 0 ? '' : `(${there.map((part) => part.text).join(', ')})`;
    return { text, variables: there.flatMap(({ variables }) => variables) };
  });
}

const alias = fc.option(fc.constantFrom('a: ', 'b: ', 'id: ', '__a: '), { nil: '', freq: 8 });
const directive = fc.oneof(
  { arbitrary: fc.constant(''), weight: 12 },
  {
    arbitrary: fc.constantFrom(
      ' @skip(if: false)',
      ' @include(if: true)',
      ' @include(if: false)',
      ' @defer',
      ' @deprecated',
    ),
    weight: 1,
  },
);

function fieldPart(field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<Part> {
  const type = getNamedType(field.type);
  const below = isCompositeType(type) ? selectionPart(type.name, depth - 1) : fc.constant(NOTHING);
  return fc.tuple(alias, argumentsPart(field.args), directive, below).map(([name, given, note, selection]) => ({
    text: `${name}${field.name}${given.text}${note}${selection.text}`,
    variables: [...given.variables, ...selection.variables],
  }));
}

const selections = new Map<string, fc.Arbitrary<Part>>();

/** Between braces. Made once for each type and depth. */
function selectionPart(typeName: string, depth: number): fc.Arbitrary<Part> {
  const key = `${typeName} ${depth}`;
  const known = selections.get(key);
  if (known) return known;
  const type = schema.getType(typeName);
  const fields =
    type && (isObjectType(type) || isAbstractType(type)) && 'getFields' in type ? Object.values(type.getFields()) : [];
  const usable = fields.filter((field) => depth > 0 || !isCompositeType(getNamedType(field.type)));
  const parts: fc.Arbitrary<Part>[] = usable.map((field) => fieldPart(field, depth));
  parts.push(
    fc.constantFrom('__typename', 'nothing', '...F', '... { __typename }').map((text) => ({ text, variables: [] })),
  );
  if (type && isAbstractType(type) && depth > 0)
    for (const { name } of schema.getPossibleTypes(type))
      parts.push(selectionPart(name, depth - 1).map((part) => ({ ...part, text: `... on ${name}${part.text}` })));
  const made = fc.array(fc.oneof(...parts), { minLength: 1, maxLength: 3 }).map(joined);
  selections.set(key, made);
  return made;
}

function joined(parts: readonly Part[]): Part {
  return {
    text: ` { ${parts.map(({ text }) => text).join(' ')} }`,
    variables: parts.flatMap(({ variables }) => variables),
  };
}

const kinds = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const;

function operationOf(kind: keyof typeof kinds): fc.Arbitrary<GeneratedOperation> {
  return fc.tuple(selectionPart(kinds[kind], DEPTH), fc.boolean()).map(([part, hasFragment]) => {
    const definitions = part.variables.map(({ name, type }) => `$${name}: ${type}`).join(', ');
    const fragment = hasFragment || part.text.includes('...F') ? ' fragment F on User { id username }' : '';
    return {
      query: `${kind} O${definitions && `(${definitions})`}${part.text}${fragment}`,
      variables: Object.fromEntries(part.variables.map(({ name, value }) => [name, value])),
      operationName: undefined,
    };
  });
}

/** What nobody writes by hand. Documents that are meant to exhaust the service have tests of their own. */
const hostile = fc.constantFrom(
  '',
  ' ',
  '#',
  '{',
  '{ me',
  'query',
  '{ me { id } } { me { id } }',
  'query A { me { id } } query B { chats { id } }',
  'fragment A on User { ...B } fragment B on User { ...A } { me { ...A } }',
  '{ __schema { types { name fields { name type { name } } } } }',
  '{ __type(name: "User") { fields { type { fields { type { name } } } } } }',
  'type X { a: Int }',
  'extend type Query { a: Int }',
  `{ ${'me { id } '.repeat(30)} }`,
  `{ ${'a'.repeat(20_000)} }`,
  `{ me ${'{ id '.repeat(400)}`,
  `query (${'$a: Int '.repeat(200)}) { me { id } }`,
  '{ me { id } @skip(if: $nothing) }',
  '{ chat(name: """block\n  text""") { id } }',
  '{ chat(name: "\\u{10FFFF}\\uD83D") { id } }',
  '\ufeff{ me { id } }',
);

const query = fc.oneof(
  { arbitrary: operationOf('query'), weight: 6 },
  { arbitrary: operationOf('mutation'), weight: 3 },
  { arbitrary: operationOf('subscription'), weight: 1 },
  {
    arbitrary: hostile.map(
      (text): GeneratedOperation => ({ query: text, variables: undefined, operationName: undefined }),
    ),
    weight: 1,
  },
);

const editedQuery = query.chain((operation) =>
  edited(fc.constant(operation.query)).map((text) => ({ ...operation, query: text })),
);

const oddVariables = fc
  .tuple(query, fc.oneof(oddValue, fc.dictionary(fc.string(), oddValue)))
  .map(([operation, variables]) => ({
    ...operation,
    variables,
  }));

export const operation: fc.Arbitrary<GeneratedOperation> = fc
  .tuple(
    fc.oneof(
      { arbitrary: query, weight: 6 },
      { arbitrary: editedQuery, weight: 2 },
      { arbitrary: oddVariables, weight: 1 },
    ),
    fc.option(fc.oneof(fc.constantFrom('O', 'A', '', 'nothing'), oddValue), { nil: undefined, freq: 8 }),
  )
  .map(([generated, operationName]) => ({ ...generated, operationName }));

export const subscription: fc.Arbitrary<GeneratedOperation> = operationOf('subscription');
