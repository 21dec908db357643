import { type FragmentDefinitionNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';

type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

/** Whether the operation selects this field of the resolver's result, possibly in a fragment or under a directive. */
export function selectsField({ fieldNodes, fragments }: GraphQLResolveInfo, field: string): boolean {
  return fieldNodes.some(
    ({ selectionSet }) => selectionSet !== undefined && selectionHas(selectionSet, field, fragments),
  );
}

function selectionHas({ selections }: SelectionSetNode, field: string, fragments: Fragments): boolean {
  return selections.some((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value === field;
    if (selection.kind === Kind.INLINE_FRAGMENT) return selectionHas(selection.selectionSet, field, fragments);
    const fragment = fragments[selection.name.value];
    return fragment !== undefined && selectionHas(fragment.selectionSet, field, fragments);
  });
}

/** Whether a selection has no other fields than these, in fragments either. */
export function selectsOnly(
  { selections }: SelectionSetNode,
  names: ReadonlySet<string>,
  fragments: Fragments,
): boolean {
  return selections.every((selection) => {
    if (selection.kind === Kind.FIELD) return names.has(selection.name.value);
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value];
    return fragment !== undefined && selectsOnly(fragment.selectionSet, names, fragments);
  });
}
