import { type FieldNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql';

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/**
 * How many pairs of fields answer under one name in one place and have arguments or selections. Validation compares them pair
 * by pair (https://spec.graphql.org/October2021/#sec-Field-Selection-Merging), which takes a hundred times as long as
 * for plain fields. No fragment may contain itself.
 */
export function countComparisons(root: SelectionSetNode, fragments: Fragments): number {
  let pairs = 0;
  // What is selected in one place, by however many fields.
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

/** The fields of one place by the name that they answer under. A fragment is taken once, as validation does. */
function fieldsByName(place: readonly SelectionSetNode[], fragments: Fragments): Iterable<FieldNode[]> {
  const groups = new Map<string, FieldNode[]>();
  // A set that grows while it is gone through, and takes nothing twice.
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
