import { type FieldNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql';

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/**
 * Counts the pairs of fields with the same response name in one selection that have arguments or selections. Validation compares
 * every pair (https://spec.graphql.org/October2021/#sec-Field-Selection-Merging), which takes a hundred times as long as for
 * plain fields. The fragments must not form a cycle.
 */
export function countComparisons(root: SelectionSetNode, fragments: Fragments): number {
  let pairs = 0;
  // Each entry: the selection sets that validation merges into one.
  const places = [[root]];
  for (let place = places.pop(); place; place = places.pop()) {
    for (const fields of fieldsByName(place, fragments)) {
      const { length } = fields.filter(({ arguments: args = [], selectionSet }) => selectionSet || args.length > 0);
      pairs += (length * (length - 1)) / 2;
      const below = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
      if (below.length > 0) places.push(below);
    }
  }
  return pairs;
}

/** Groups the fields of merged selection sets by response name. Each fragment counts once, as in validation. */
function fieldsByName(place: readonly SelectionSetNode[], fragments: Fragments): Iterable<FieldNode[]> {
  const groups = new Map<string, FieldNode[]>();
  // The loop also visits what it adds, each selection set once.
  const selectionSets = new Set(place);
  for (const { selections } of selectionSets) {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) add(groups, selection);
      else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (fragment) selectionSets.add(fragment.selectionSet);
      }
    }
  }
  return groups.values();
}

function add(groups: Map<string, FieldNode[]>, field: FieldNode): void {
  const name = (field.alias ?? field.name).value;
  const group = groups.get(name);
  if (group) group.push(field);
  else groups.set(name, [field]);
}
