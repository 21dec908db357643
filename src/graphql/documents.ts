import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  MaxIntrospectionDepthRule,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  specifiedRules,
  type VariableDefinitionNode,
  validate,
} from 'graphql';
import { recoded } from './errors.js';
import { IntrospectionWeight } from './introspection-weight.js';
import { excess, findExcess, LIMITS } from './limits.js';

type Variables = Readonly<Record<string, unknown>>;

/** One operation that a client wants run, whatever it came over. */
export interface OperationRequest {
  query: string;
  operationName?: string | null | undefined;
  variables?: Variables | null | undefined;
}

/** What is to be known of an operation before it runs: why it may not, or of which type it is. */
export type Verdict = { errors: readonly GraphQLError[] } | { type: OperationTypeNode };

/** A document of 1000 tokens takes 300 KB when it is parsed: who fills the cache with such gets 40 MB. */
const CACHED_DOCUMENTS = 128;
/** Characters. A longer document is read each time. */
const CACHED_LENGTH = 4096;
const MAX_ERRORS = 20;
/** https://spec.graphql.org/draft/#sec-Int */
const MAX_INT = 2 ** 31 - 1;
/** Characters of what is said of a mistake: graphql repeats the whole of a value that does not fit. */
const MAX_MESSAGE = 300;

/**
 * Reads documents and says whether they may run, by one set of rules for HTTP and for sockets: within the limits, valid, with
 * values that fit its variables. Errors carry their codes. Documents that keep coming are read once.
 *
 * Suggestions ("Did you mean …") stay on in production: introspection is open, since the schema is published with the service.
 */
export class Documents {
  private readonly cache = new Map<string, DocumentNode>();
  private readonly greatestWeights = new WeakMap<OperationDefinitionNode, number>();
  private readonly introspection: IntrospectionWeight;

  constructor(private readonly schema: GraphQLSchema) {
    this.introspection = new IntrospectionWeight(schema);
  }

  judge({ query, operationName, variables }: OperationRequest): Verdict {
    const document = this.read(query);
    if (!('kind' in document)) return { errors: document };
    const operation = getOperationAST(document, operationName);
    if (!operation) return { errors: [unknownOperation(operationName)] };
    const errors = this.checkVariables(operation, variables ?? {}) ?? this.weigh(document, operation, variables ?? {});
    return errors ? { errors } : { type: operation.operation };
  }

  private read(query: string): DocumentNode | readonly GraphQLError[] {
    const known = this.cache.get(query);
    if (known) return this.remember(query, known);
    if (query.length > LIMITS.length) return [excess('characters', LIMITS.length)];
    const document = parseDocument(query);
    if (document instanceof GraphQLError) return [document];
    const tooMuch = findExcess(document);
    if (tooMuch) return [tooMuch];
    const rules = [...specifiedRules, MaxIntrospectionDepthRule];
    const errors = validate(this.schema, document, rules, { maxErrors: MAX_ERRORS });
    if (errors.length > 0) return errors.map((error) => recoded(shortened(error), 'GRAPHQL_VALIDATION_FAILED'));
    if (this.introspection.of(document) > LIMITS.introspection)
      return [excess('fields of the schema to answer with', LIMITS.introspection)];
    return this.remember(query, document);
  }

  /** Keeps the documents that were used last. */
  private remember(query: string, document: DocumentNode): DocumentNode {
    if (query.length > CACHED_LENGTH) return document;
    this.cache.delete(query);
    this.cache.set(query, document);
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= CACHED_DOCUMENTS) break;
      this.cache.delete(oldest);
    }
    return document;
  }

  private checkVariables(operation: OperationDefinitionNode, variables: Variables) {
    const definitions = operation.variableDefinitions ?? [];
    if (definitions.length === 0) return undefined;
    if (hasMoreValues(variables, LIMITS.values)) return [tooManyValues()];
    const { errors } = getVariableValues(this.schema, definitions, variables, { maxErrors: MAX_ERRORS });
    return errors?.map((error) => recoded(shortened(error), 'BAD_USER_INPUT', variableOf(error)));
  }

  /** After the variables, since they may say how long a list becomes. */
  private weigh(document: DocumentNode, operation: OperationDefinitionNode, variables: Variables) {
    if (this.greatestWeight(document, operation, variables) <= LIMITS.complexity) return undefined;
    const mayBeLighter = operation.variableDefinitions?.some(isInt);
    const isTooHeavy = !mayBeLighter || weightOf(this.schema, document, operation, variables) > LIMITS.complexity;
    return isTooHeavy ? [excess('fields to answer with, by its lists', LIMITS.complexity)] : undefined;
  }

  /** The operation's weight with the longest lists that its variables can ask for: what is light enough then always is. */
  private greatestWeight(document: DocumentNode, operation: OperationDefinitionNode, variables: Variables): number {
    const known = this.greatestWeights.get(operation);
    if (known !== undefined) return known;
    const longest = operation.variableDefinitions?.filter(isInt).map(({ variable }) => [variable.name.value, MAX_INT]);
    const weight = weightOf(this.schema, document, operation, { ...variables, ...Object.fromEntries(longest ?? []) });
    this.greatestWeights.set(operation, weight);
    return weight;
  }
}

function weightOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): number {
  const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] };
  return complexityFromQuery(alone, { schema, variables: { ...variables } }).complexity;
}

/** Only an Int says how long a list becomes. */
function isInt({ type }: VariableDefinitionNode): boolean {
  const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  return inner.kind === Kind.NAMED_TYPE && inner.name.value === 'Int';
}

function parseDocument(query: string): DocumentNode | GraphQLError {
  try {
    return parse(query, { maxTokens: LIMITS.tokens });
  } catch (error) {
    if (error instanceof GraphQLError) return recoded(error, 'GRAPHQL_PARSE_FAILED');
    throw error;
  }
}

function unknownOperation(operationName: string | null | undefined): GraphQLError {
  const message =
    operationName == null
      ? 'operationName is required for a document with several operations.'
      : 'The document has no operation of this name.';
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', field: 'operationName' } });
}

/** Whether a value of JSON holds more than so many. Looks no further than that. */
function hasMoreValues(value: unknown, limit: number): boolean {
  const known = [value];
  // What is within one is put behind the others, and its turn comes.
  for (const each of known) {
    const inner = typeof each === 'object' && each !== null ? Object.values(each) : [];
    if (known.length + inner.length > limit) return true;
    known.push(...inner);
  }
  return false;
}

function tooManyValues(): GraphQLError {
  return new GraphQLError(`The variables have more than ${LIMITS.values} values.`, {
    extensions: { code: 'BAD_USER_INPUT', field: 'variables' },
  });
}

function shortened(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE) return error;
  return new GraphQLError(`${error.message.slice(0, MAX_MESSAGE)}…`, { nodes: error.nodes });
}

function variableOf({ nodes }: GraphQLError): string | undefined {
  const node = nodes?.find((candidate) => candidate.kind === Kind.VARIABLE_DEFINITION);
  return node?.kind === Kind.VARIABLE_DEFINITION ? node.variable.name.value : undefined;
}
