import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  GraphQLError,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { countComparisons } from './comparisons.js';

/** What a document may ask for. Checked before it is validated, since validation itself can be made to take long. */
export const LIMITS = {
  /** Characters of a document, comments included. */
  length: 16_384,
  /** Words and signs of a document. */
  tokens: 1000,
  /** Levels of fields. The introspection of the schema is let through; graphql limits it by itself. */
  depth: 10,
  /** Fields at the top of one operation. */
  rootFields: 20,
  /** Fields of one operation, aliases included, each fragment counted wherever it is spread. */
  fields: 400,
  /** Pairs of fields that answer under one name, so that they have to agree: 45 in one place make 990. */
  comparisons: 1000,
  /** Values in an operation's variables, those within lists and objects included. */
  values: 1000,
  /** Fields that an answer may come to, lists multiplied by the length asked for. */
  complexity: 30_000,
  /** Fields that the introspection of the schema may come to. GraphiQL's, of the whole schema, comes to 7500. */
  introspection: 10_000,
} as const;

/** Of a selection of fields, its fragments put in their places. */
interface Size {
  /** Fields at its top. */
  top: number;
  depth: number;
  fields: number;
}

const NOTHING: Size = { top: 0, depth: 0, fields: 0 };

/** The first limit that a document breaks. Fragments that nobody uses count too, since they are validated. */
export function findExcess(document: DocumentNode): GraphQLError | undefined {
  const measure = new Measure(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const { top, depth, fields } = measure.size(definition.selectionSet);
    if (measure.ring) return ringError(measure.ring);
    if (fields > LIMITS.fields) return excess('fields', LIMITS.fields);
    if (countComparisons(definition.selectionSet, measure.fragments) > LIMITS.comparisons)
      return excess('pairs of fields under one name', LIMITS.comparisons);
    // A fragment may be of the introspection, and deeper.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) continue;
    if (depth > LIMITS.depth) return excess('levels of fields', LIMITS.depth);
    if (top > LIMITS.rootFields) return excess('fields at its top', LIMITS.rootFields);
  }
  return undefined;
}

/** What validation would say, which takes longer to find it. */
function ringError(spread: FragmentSpreadNode): GraphQLError {
  return new GraphQLError(`Cannot spread fragment "${spread.name.value}" within itself.`, {
    nodes: spread,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
}

export function excess(what: string, limit: number): GraphQLError {
  return new GraphQLError(`The operation has more than ${limit} ${what}.`, {
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
}

class Measure {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Where a fragment that was met contains itself. */
  ring: FragmentSpreadNode | undefined;
  /** Undefined while the fragment is being measured. */
  private readonly measured = new Map<string, Size | undefined>();

  constructor({ definitions }: DocumentNode) {
    this.fragments = new Map(
      definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]),
    );
  }

  size({ selections }: SelectionSetNode): Size {
    const total = { ...NOTHING };
    for (const selection of selections) {
      const { top, depth, fields } = this.sizeOf(selection);
      total.top += top;
      total.depth = Math.max(total.depth, depth);
      total.fields += fields;
    }
    return total;
  }

  private sizeOf(selection: SelectionNode): Size {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return this.fragment(selection);
    if (selection.kind === Kind.INLINE_FRAGMENT) return this.size(selection.selectionSet);
    const below = selection.selectionSet ? this.size(selection.selectionSet) : NOTHING;
    const depth = selection.name.value.startsWith('__') ? 1 : below.depth + 1;
    return { top: 1, depth, fields: below.fields + 1 };
  }

  /** Measured once, however often it is spread. */
  private fragment(spread: FragmentSpreadNode): Size {
    const name = spread.name.value;
    if (this.measured.has(name)) {
      const size = this.measured.get(name);
      if (!size) this.ring = spread;
      return size ?? NOTHING;
    }
    this.measured.set(name, undefined);
    const node = this.fragments.get(name);
    const size = node ? this.size(node.selectionSet) : NOTHING;
    this.measured.set(name, size);
    return size;
  }
}
