import {
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isUnionType,
} from 'graphql';

/** As in biome.json. */
const LINE_WIDTH = 120;

/** Of custom scalars as JSON. */
const SCALARS: Readonly<Record<string, string>> = {
  Boolean: 'boolean',
  DateTime: 'string',
  Float: 'number',
  ID: 'string',
  Int: 'number',
  String: 'string',
};

const HEAD = `// The types of schema.graphql, as answers have them. Written by \`npm run schema\`.

`;

/** The schema's output types as TypeScript, for the client library. Operations select fields: \`Pick\` those that are selected. */
export function clientSchema(schema: GraphQLSchema): string {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const types = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !roots.has(type as never))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const declarations = types.flatMap((type) => {
    const comment = docComment(type.description, '');
    if (isEnumType(type)) {
      const values = type.getValues().map(({ name }) => `'${name}'`);
      return `${comment}${oneOf(type.name, values)}`;
    }
    if (isUnionType(type)) {
      const names = type.getTypes().map(({ name }) => name);
      return `${comment}${oneOf(type.name, names)}`;
    }
    if (!isObjectType(type) && !isInterfaceType(type)) return [];
    const fields = Object.values(type.getFields()).map(
      (field) => `${docComment(field.description, '  ')}  ${field.name}: ${typeOf(field)};\n`,
    );
    return `${comment}export interface ${type.name} {\n${fields.join('')}}\n`;
  });
  return HEAD + declarations.join('\n');
}

function typeOf({ type }: GraphQLField<unknown, unknown>): string {
  return isNonNullType(type) ? named(type.ofType) : `${named(type)} | null`;
}

function named(type: GraphQLOutputType): string {
  if (isNonNullType(type)) return named(type.ofType);
  if (isListType(type)) {
    const { ofType } = type;
    return isNonNullType(ofType) ? `${named(ofType)}[]` : `(${named(ofType)} | null)[]`;
  }
  return isScalarType(type) ? (SCALARS[type.name] ?? 'unknown') : type.name;
}

function docComment(description: string | null | undefined, indent: string): string {
  return description ? `${indent}/** ${description.replace(/\s*\n\s*/g, ' ').replaceAll('*/', '*\\/')} */\n` : '';
}

/** A type that is one of these, on as many lines as the formatter would give it. */
function oneOf(name: string, types: readonly string[]): string {
  const line = `export type ${name} = ${types.join(' | ')};`;
  return line.length <= LINE_WIDTH ? `${line}\n` : `export type ${name} =\n  | ${types.join('\n  | ')};\n`;
}
