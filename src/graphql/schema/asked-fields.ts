import {
  type FieldNode,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';

type Fragments = GraphQLResolveInfo['fragments'];

const counted = new WeakMap<FieldNode, number>();

/**
 * The number of fields that an operation selects per item of a list, at least 1. A nested list counts as one field, because its items
 * are charged to the budget separately. Of the types of an interface the one with the most fields counts.
 */
export function fieldsOfItem({ fieldNodes, returnType, schema, fragments }: GraphQLResolveInfo): number {
  const type = getNamedType(returnType);
  let total = 0;
  for (const node of fieldNodes) {
    let count = counted.get(node);
    if (count === undefined) {
      count = node.selectionSet ? fieldsOf(node.selectionSet, type, schema, fragments) : 0;
      counted.set(node, count);
    }
    total += count;
  }
  return Math.max(1, total);
}

/** The same of a selection on items of a type. */
export function fieldsOf(
  { selections }: SelectionSetNode,
  type: GraphQLNamedType | undefined,
  schema: GraphQLSchema,
  fragments: Fragments,
): number {
  let total = 0;
  const ofTypes = new Map<string, number>();
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) total += 1 + fieldsBelow(selection, type, schema, fragments);
    else {
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value];
      if (!fragment) continue;
      const { typeCondition } = fragment;
      const condition = typeCondition ? schema.getType(typeCondition.name.value) : type;
      const count = fieldsOf(fragment.selectionSet, condition, schema, fragments);
      if (isInterfaceType(type) && isObjectType(condition))
        ofTypes.set(condition.name, (ofTypes.get(condition.name) ?? 0) + count);
      else total += count;
    }
  }
  return total + Math.max(0, ...ofTypes.values());
}

function fieldsBelow(
  { name, selectionSet }: FieldNode,
  parent: GraphQLNamedType | undefined,
  schema: GraphQLSchema,
  fragments: Fragments,
): number {
  if (!selectionSet || !(isObjectType(parent) || isInterfaceType(parent))) return 0;
  const field = parent.getFields()[name.value];
  if (!field || isListType(getNullableType(field.type))) return 0;
  return fieldsOf(selectionSet, getNamedType(field.type), schema, fragments);
}
