import {
  astFromValue,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLType,
  type GraphQLUnionType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  print,
} from 'graphql';

const HEAD = `# GraphQL, type by type

Written by \`npm run schema\` from the schema that the service has; [schema.graphql](../schema.graphql) is the same as SDL, for tools.
[interfaces.md](interfaces.md#graphql-over-http) says how to send an operation, what its errors are, and which limits it has.
A \`!\` is never null. An argument in **bold** is required.
`;

/** The reference of a schema as a page of Markdown, without its footer. */
export function graphqlReference(schema: GraphQLSchema): string {
  const types = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .sort((one, other) => one.name.localeCompare(other.name));
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter(isPresent);
  const others = types.filter((type) => !roots.some((root) => root === type));
  return [
    HEAD,
    ...roots.map(rootSection),
    section('Objects', others.filter(isObjectType).map(objectOf(schema))),
    section('Interfaces', others.filter(isInterfaceType).map(objectOf(schema))),
    section('Unions', others.filter(isUnionType).map(unionOf)),
    section('Inputs', others.filter(isInputObjectType).map(inputOf)),
    section('Enums', others.filter(isEnumType).map(enumOf)),
    section(
      'Scalars',
      others.filter(isScalarType).map((type) => entry(type.name, type.description)),
    ),
  ].join('\n');
}

const TITLES: Readonly<Record<string, string>> = {
  Query: 'Queries',
  Mutation: 'Mutations',
  Subscription: 'Subscriptions',
};

function rootSection(root: GraphQLObjectType): string {
  const fields = Object.values(root.getFields());
  const list = fields.map(({ name }) => `[\`${name}\`](#${anchorOf(`${root.name}.${name}`)})`).join(', ');
  const entries = fields.map((field) =>
    entry(
      `${root.name}.${field.name}`,
      field.description,
      `Returns ${linkTo(field.type)}.`,
      table(['argument', 'type', 'what it is'], field.args.map(argumentRow)),
    ),
  );
  return section(TITLES[root.name] ?? root.name, [`${root.description}\n\n${list}\n`, ...entries]);
}

function objectOf(schema: GraphQLSchema) {
  return (type: GraphQLObjectType | GraphQLInterfaceType): string => {
    const isA = type.getInterfaces().map((each) => linkTo(each));
    const has = isInterfaceType(type) ? schema.getImplementations(type).objects.map((each) => linkTo(each)) : [];
    return entry(
      type.name,
      type.description,
      isA.length > 0 ? `Implements ${isA.join(', ')}.` : '',
      has.length > 0 ? `Implemented by ${has.join(', ')}.` : '',
      table(['field', 'type', 'what it is'], Object.values(type.getFields()).flatMap(fieldRows)),
    );
  };
}

function unionOf(type: GraphQLUnionType): string {
  const members = type.getTypes().map((each) => linkTo(each));
  return entry(type.name, type.description, `One of ${members.join(', ')}.`);
}

function inputOf(type: GraphQLInputObjectType): string {
  const rows = Object.values(type.getFields()).map(argumentRow);
  return entry(type.name, type.description, table(['field', 'type', 'what it is'], rows));
}

function enumOf(type: GraphQLEnumType): string {
  const rows = type.getValues().map(({ name, description }) => [`\`${name}\``, cell(description)]);
  return entry(type.name, type.description, table(['value', 'what it is'], rows));
}

/** A field, and below it its arguments. */
function fieldRows({ name, type, description, args }: GraphQLField<unknown, unknown>): string[][] {
  const rows = args.map((argument) => {
    const [argumentName = '', ...rest] = argumentRow(argument);
    return [`· ${argumentName}`, ...rest];
  });
  return [[`\`${name}\``, linkTo(type), cell(description)], ...rows];
}

function argumentRow(argument: GraphQLArgument | GraphQLInputField): string[] {
  const { name, type, description, defaultValue } = argument;
  const isRequired = String(type).endsWith('!') && defaultValue === undefined;
  const usual = defaultValue === undefined ? '' : ` Default: \`${literal(argument)}\`.`;
  return [isRequired ? `**\`${name}\`**` : `\`${name}\``, linkTo(type), `${cell(description)}${usual}`];
}

function literal({ defaultValue, type }: GraphQLArgument | GraphQLInputField): string {
  const node = astFromValue(defaultValue, type);
  return node ? print(node) : 'null';
}

function section(title: string, entries: readonly string[]): string {
  return [`## ${title}\n`, ...entries].join('\n');
}

function entry(title: string, ...parts: (string | null | undefined)[]): string {
  return [`### ${title}`, ...parts.filter((part) => part)].join('\n\n').concat('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return lines.join('\n');
}

function cell(text: string | null | undefined): string {
  return (text ?? '').replaceAll('\n', ' ').replaceAll('|', '\\|');
}

/** The scalars of every schema have no entry. */
function linkTo(type: GraphQLType): string {
  const named: GraphQLNamedType = getNamedType(type);
  return isSpecifiedScalarType(named) ? `\`${type}\`` : `[\`${type}\`](#${anchorOf(named.name)})`;
}

/** As GitHub makes them from headings. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll('.', '');
}

function isPresent<Value>(value: Value | null | undefined): value is Value {
  return value != null;
}
