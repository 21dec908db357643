import { type FragmentDefinitionNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';

type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

/** Whether the operation names this field of what the resolver answers with, under whatever condition and in whatever fragment. */
export function asksFor({ fieldNodes, fragments }: GraphQLResolveInfo, field: string): boolean {
  return fieldNodes.some(({ selectionSet }) => selectionSet !== undefined && names(selectionSet, field, fragments));
}

function names({ selections }: SelectionSetNode, field: string, fragments: Fragments): boolean {
  return selections.some((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value === field;
    if (selection.kind === Kind.INLINE_FRAGMENT) return names(selection.selectionSet, field, fragments);
    const fragment = fragments[selection.name.value];
    return fragment !== undefined && names(fragment.selectionSet, field, fragments);
  });
}
