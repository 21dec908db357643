import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../src/graphql/schema/schema.js';

type Described = [name: string, description: string | null | undefined];

const types = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);

describe('The schema', () => {
  it.each(types.map((type) => [type.name, type] as const))('says what all of %s is, in sentences', (_name, type) => {
    const described = describedOf(type);
    expect(described.filter(([, description]) => !description)).toEqual([]);
    expect(described.filter(([, description]) => !/^[^\na-z].*[.…]$/s.test(description ?? ''))).toEqual([]);
  });
});

/** A type and everything in it, by its name. */
function describedOf(type: GraphQLNamedType): Described[] {
  const own: Described = [type.name, type.description];
  if (isEnumType(type)) return [own, ...type.getValues().map((value) => at(type, value))];
  if (isInputObjectType(type)) return [own, ...Object.values(type.getFields()).map((field) => at(type, field))];
  if (!isObjectType(type) && !isInterfaceType(type)) return [own];
  const fields = Object.values(type.getFields()).flatMap((field): Described[] => [
    at(type, field),
    ...field.args.map(({ name, description }): Described => [`${type.name}.${field.name}(${name})`, description]),
  ]);
  return [own, ...fields];
}

function at(type: GraphQLNamedType, { name, description }: { name: string; description?: string | null }): Described {
  return [`${type.name}.${name}`, description];
}
