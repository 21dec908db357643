import {
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';

interface Walk {
  schema: GraphQLSchema;
  fragments: Readonly<Record<string, FragmentDefinitionNode>>;
}

/**
 * Whether a subscription selects a field with the extension `SHARED_BY_OWN_EVENT` in another object than the event's own: in one that the
 * event's message refers to. The event's own object is what the root field returns, or a field of the event.
 */
export function selectsOfOthers(selectionSet: SelectionSetNode, walk: Walk): boolean {
  return selects(selectionSet, walk.schema.getSubscriptionType() ?? undefined, true, walk);
}

function selects(
  { selections }: SelectionSetNode,
  type: GraphQLNamedType | undefined,
  isOwn: boolean,
  walk: Walk,
): boolean {
  return selections.some((selection) => {
    if (selection.kind !== Kind.FIELD) {
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : walk.fragments[selection.name.value];
      if (!fragment) return false;
      const { typeCondition } = fragment;
      const condition = typeCondition ? walk.schema.getType(typeCondition.name.value) : type;
      return selects(fragment.selectionSet, condition, isOwn, walk);
    }
    if (!isObjectType(type) && !isInterfaceType(type)) return false;
    const field = type.getFields()[selection.name.value];
    if (!field) return false;
    if (!isOwn && field.extensions.sameForAll === 'in-own-event') return true;
    const isFieldOfEvent =
      type === walk.schema.getSubscriptionType() || isInterfaceType(type) || type.getInterfaces().length > 0;
    return (
      selection.selectionSet !== undefined &&
      selects(selection.selectionSet, getNamedType(field.type), isFieldOfEvent, walk)
    );
  });
}
