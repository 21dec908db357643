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

/** Limits of a document. The first ones are checked before validation, since validation itself can be made slow. */
export const LIMITS = {
  /** Characters of a document, comments included. */
  length: 16_384,
  /** Lexical tokens of a document. */
  tokens: 1000,
  /** Nesting of fields. Introspection is exempt; graphql limits it itself. */
  depth: 10,
  /** Root fields of one operation. */
  rootFields: 20,
  /** Fields of one operation. Aliases count, and a fragment counts at each spread. */
  fields: 400,
  /** Pairs of fields with one response name, which validation compares: 45 fields make 990 pairs. */
  comparisons: 1000,
  /** Values in an operation's variables, including those in lists and objects. */
  values: 10_000,
  /** Fields that a response may have; fields in a list count times the length requested. */
  complexity: 30_000,
  /** The same for one event of a subscription; lower, since every event costs it again. */
  subscription: 500,
  /** Fields that introspection may return. GraphiQL's query of the whole schema returns 28,000. */
  introspection: 32_000,
} as const;

/** The size of a selection with its fragments expanded. */
interface Size {
  /** Fields at the first level. */
  top: number;
  depth: number;
  fields: number;
}

const NOTHING: Size = { top: 0, depth: 0, fields: 0 };

/** The error of the first limit that a document exceeds. Unused fragments count too, since they are validated. */
export function findExceededLimit(document: DocumentNode): GraphQLError | undefined {
  const measure = new Measure(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const { top, depth, fields } = measure.size(definition.selectionSet);
    if (measure.cycle) return cycleError(measure.cycle);
    if (fields > LIMITS.fields) return limitExceeded('fields', LIMITS.fields);
    if (countComparisons(definition.selectionSet, measure.fragments) > LIMITS.comparisons)
      return limitExceeded('pairs of fields under one name', LIMITS.comparisons);
    // A fragment may be on introspection types, which are exempt.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) continue;
    if (depth > LIMITS.depth) return limitExceeded('levels of fields', LIMITS.depth);
    if (top > LIMITS.rootFields) return limitExceeded('fields at its top', LIMITS.rootFields);
  }
  return undefined;
}

/** The error that validation would give, found faster. */
function cycleError(spread: FragmentSpreadNode): GraphQLError {
  return new GraphQLError(`Cannot spread fragment "${spread.name.value}" within itself.`, {
    nodes: spread,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
}

export function limitExceeded(what: string, limit: number): GraphQLError {
  return new GraphQLError(`The operation has more than ${limit} ${what}.`, {
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
}

class Measure {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The spread that closes a fragment cycle, if one was found. */
  cycle: FragmentSpreadNode | undefined;
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

  /** A fragment is measured once, however often it is spread. */
  private fragment(spread: FragmentSpreadNode): Size {
    const name = spread.name.value;
    if (this.measured.has(name)) {
      const size = this.measured.get(name);
      if (!size) this.cycle = spread;
      return size ?? NOTHING;
    }
    this.measured.set(name, undefined);
    const node = this.fragments.get(name);
    const size = node ? this.size(node.selectionSet) : NOTHING;
    this.measured.set(name, size);
    return size;
  }
}
