import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isAbstractType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** The assumed length of a list whose field does not say one. */
const USUAL_LIST = 10;

/** The weight of a field: what it adds, and by what it multiplies the weight of the fields below it. */
interface FieldWeight {
  field: number;
  multiplier: number;
}

/**
 * The number of fields that the answer to an operation may have; fields of a list count times its length. Of the types of an
 * interface the heaviest counts, since an object has one type. Lengths come from the fields' option `complexity`
 * (https://pothos-graphql.dev/docs/plugins/complexity).
 * @throws GraphQLError for an argument of another type than the schema says
 */
export function weightOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const weigher = new Weigher(schema, fragments, variables);
  return weigher.selections(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined);
}

class Weigher {
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly variables: Readonly<Record<string, unknown>>,
  ) {}

  selections({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined): number {
    let total = 0;
    const ofTypes = new Map<string, number>();
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        total += this.field(selection, type);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.fragments.get(selection.name.value);
      if (!fragment) continue;
      const { typeCondition } = fragment;
      const condition = typeCondition ? this.schema.getType(typeCondition.name.value) : type;
      const weight = this.selections(fragment.selectionSet, condition);
      if (isAbstractType(type) && isObjectType(condition))
        ofTypes.set(condition.name, (ofTypes.get(condition.name) ?? 0) + weight);
      else total += weight;
    }
    return total + Math.max(0, ...ofTypes.values());
  }

  private field(node: FieldNode, type: GraphQLNamedType | undefined): number {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field) return 1;
    const { field: own, multiplier } = this.weightOf(field, node);
    if (!node.selectionSet) return own;
    return own + Math.max(0, multiplier) * this.selections(node.selectionSet, getNamedType(field.type));
  }

  private weightOf(field: GraphQLField<unknown, unknown>, node: FieldNode): FieldWeight {
    const usual = { field: 1, multiplier: isListType(getNullableType(field.type)) ? USUAL_LIST : 1 };
    const option: unknown = field.extensions.complexity;
    const given: unknown =
      typeof option === 'function' ? option(getArgumentValues(field, node, this.variables)) : option;
    if (typeof given === 'number') return { ...usual, field: given };
    return typeof given === 'object' ? { ...usual, ...given } : usual;
  }
}
