import {
  type DocumentNode,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** Average lengths of the introspection's lists, by field name. */
type Lengths = Readonly<Record<string, number>>;

/**
 * Estimates how many fields a document's introspection returns. Aliases can request the whole schema many times, and an
 * operation's weight does not count introspection. For valid documents only.
 */
export class IntrospectionWeight {
  private readonly lengths: Lengths;

  constructor(schema: GraphQLSchema) {
    this.lengths = lengthsOf(schema);
  }

  /** The estimate for the document's heaviest operation. */
  of({ definitions }: DocumentNode): number {
    const operations = definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    const fragments = new Map(
      definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]),
    );
    const weigh = (selectionSet: SelectionSetNode | undefined, isWithin: boolean): number =>
      (selectionSet?.selections ?? []).reduce((sum, each) => sum + weighOne(each, isWithin), 0);
    const weighOne = (node: SelectionNode, isWithin: boolean): number => {
      if (node.kind === Kind.FRAGMENT_SPREAD) return weigh(fragments.get(node.name.value)?.selectionSet, isWithin);
      if (node.kind === Kind.INLINE_FRAGMENT) return weigh(node.selectionSet, isWithin);
      const { value: name } = node.name;
      if (!isWithin && !name.startsWith('__')) return weigh(node.selectionSet, false);
      return 1 + weigh(node.selectionSet, true) * (this.lengths[name] ?? 1);
    };
    return Math.max(0, ...operations.map(({ selectionSet }) => weigh(selectionSet, false)));
  }
}

function lengthsOf(schema: GraphQLSchema): Lengths {
  const types = Object.values(schema.getTypeMap());
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = withFields.flatMap((type) => Object.values(type.getFields()));
  const inputs = types.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields()));
  const values = types.filter(isEnumType).flatMap((type) => type.getValues());
  return {
    types: types.length,
    directives: schema.getDirectives().length,
    fields: fields.length / types.length,
    args: fields.flatMap(({ args }) => args).length / fields.length,
    inputFields: inputs.length / types.length,
    enumValues: values.length / types.length,
  };
}
