import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isListType,
  Kind,
  MaxIntrospectionDepthRule,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  specifiedRules,
  TypeInfo,
  type VariableDefinitionNode,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { recoded } from '../errors.js';
import { IntrospectionWeight } from './introspection-weight.js';
import { findExceededLimit, LIMITS, limitExceeded } from './limits.js';
import { weightOf } from './weights.js';

type Variables = Readonly<Record<string, unknown>>;

/** An operation that a client requests, over HTTP or a socket. */
export interface OperationRequest {
  query: string;
  operationName?: string | null | undefined;
  variables?: Variables | null | undefined;
}

/** The kind and cost of an operation that may run. */
export interface CheckedOperation {
  type: OperationTypeNode;
  /** Fields that the response, or one event, may have. A list without an explicit length counts with a usual one. */
  weight: number;
  /** Fields that its introspection of the schema may return. */
  introspection: number;
}

/** The errors of an operation that may not run, or the kind and cost of one that may. */
export type Verdict = { errors: readonly GraphQLError[] } | CheckedOperation;

/** A parsed and validated document. */
interface ValidDocument {
  document: DocumentNode;
  introspection: number;
  /** Whether the document selects a list. */
  hasList: boolean;
}

/** A parsed document of 1000 tokens takes 300 KB, so the cache takes at most 40 MB. */
const CACHED_DOCUMENTS = 128;
/** The longest document that is cached, in characters. */
const CACHED_LENGTH = 4096;
const MAX_ERRORS = 20;
/** https://spec.graphql.org/draft/#sec-Int */
const MAX_INT = 2 ** 31 - 1;
/** The longest error message, in characters: graphql repeats the whole of an invalid value. */
const MAX_MESSAGE = 300;

/**
 * Parses documents and checks whether their operations may run, by the same rules for HTTP and sockets: within the limits,
 * valid, and with valid variables. Errors carry their codes. Valid documents are cached.
 *
 * Suggestions ("Did you mean …") stay on in production, since the schema is public.
 */
export class Documents {
  private readonly cache = new Map<string, ValidDocument>();
  private readonly greatestWeights = new WeakMap<OperationDefinitionNode, number>();
  private readonly introspection: IntrospectionWeight;

  constructor(private readonly schema: GraphQLSchema) {
    this.introspection = new IntrospectionWeight(schema);
  }

  /** Whether checking this document takes no parsing: it is cached, or too long to be parsed. */
  isCachedOrTooLong(query: string): boolean {
    return this.cache.has(query) || query.length > LIMITS.length;
  }

  check({ query, operationName, variables }: OperationRequest): Verdict {
    const read = this.read(query);
    if (!('document' in read)) return { errors: read };
    const operation = getOperationAST(read.document, operationName);
    if (!operation) return { errors: [unknownOperation(operationName)] };
    const checked = this.checkVariables(operation, variables ?? {});
    if ('errors' in checked) return checked;
    const weight = this.weigh(read, operation, checked.values);
    const limit = limitOf(operation);
    if (weight > limit) return { errors: [limitExceeded('fields to answer with, by its lists', limit)] };
    return { type: operation.operation, weight, introspection: read.introspection };
  }

  private read(query: string): ValidDocument | readonly GraphQLError[] {
    const known = this.cache.get(query);
    if (known) return this.remember(query, known);
    if (query.length > LIMITS.length) return [limitExceeded('characters', LIMITS.length)];
    const document = parseDocument(query);
    if (document instanceof GraphQLError) return [document];
    const tooMuch = findExceededLimit(document);
    if (tooMuch) return [tooMuch];
    const rules = [...specifiedRules, MaxIntrospectionDepthRule];
    const errors = validate(this.schema, document, rules, { maxErrors: MAX_ERRORS });
    if (errors.length > 0) return errors.map((error) => recoded(shortened(error), 'GRAPHQL_VALIDATION_FAILED'));
    const introspection = this.introspection.of(document);
    if (introspection > LIMITS.introspection)
      return [limitExceeded('fields of the schema to answer with', LIMITS.introspection)];
    return this.remember(query, { document, introspection, hasList: hasList(this.schema, document) });
  }

  /** Caches the most recently used documents. */
  private remember(query: string, read: ValidDocument): ValidDocument {
    if (query.length > CACHED_LENGTH) return read;
    this.cache.delete(query);
    this.cache.set(query, read);
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= CACHED_DOCUMENTS) break;
      this.cache.delete(oldest);
    }
    return read;
  }

  /** The variables as a resolver would get them, or their errors. */
  private checkVariables(
    operation: OperationDefinitionNode,
    variables: Variables,
  ): { values: Variables } | { errors: readonly GraphQLError[] } {
    const definitions = operation.variableDefinitions ?? [];
    if (definitions.length === 0) return { values: {} };
    if (hasMoreValues(variables, LIMITS.values)) return { errors: [tooManyValues()] };
    // Skips a coercion that graphql repeats at execution, for the most usual variables.
    if (definitions.every((definition) => isText(definition, variables))) return { values: variables };
    const { errors, coerced } = getVariableValues(this.schema, definitions, variables, { maxErrors: MAX_ERRORS });
    if (!errors) return { values: coerced };
    return { errors: errors.map((error) => recoded(shortened(error), 'BAD_USER_INPUT', variableOf(error))) };
  }

  /**
   * The operation's cost, by its checked variables, which may set the lengths of lists. An operation that is within the limit with the
   * longest lists is not weighed again with the real ones, unless a variable is a list itself.
   */
  private weigh(
    { document, hasList }: ValidDocument,
    operation: OperationDefinitionNode,
    variables: Variables,
  ): number {
    const limit = limitOf(operation);
    const weight = this.weightBelow(limit, document, operation, variables);
    // The length of an event's list is unknown in advance, so it counts with the most that one event may cost.
    return operation.operation === 'subscription' && hasList ? Math.max(weight, limit) : weight;
  }

  /** The operation's weight, or a greater one that is within the limit too. */
  private weightBelow(
    limit: number,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Variables,
  ): number {
    const exactly = () => weightOf(this.schema, document, operation, variables);
    // Fields that take a list weigh as much as it is long.
    if (operation.variableDefinitions?.some(isList)) return exactly();
    const greatest = this.greatestWeight(document, operation, variables);
    return greatest <= limit || !operation.variableDefinitions?.some(isInt) ? greatest : exactly();
  }

  /** The operation's weight with the longest lists that its variables can ask for. */
  private greatestWeight(document: DocumentNode, operation: OperationDefinitionNode, variables: Variables): number {
    const known = this.greatestWeights.get(operation);
    if (known !== undefined) return known;
    const longest = operation.variableDefinitions?.filter(isInt).map(({ variable }) => [variable.name.value, MAX_INT]);
    const weight = weightOf(this.schema, document, operation, { ...variables, ...Object.fromEntries(longest ?? []) });
    this.greatestWeights.set(operation, weight);
    return weight;
  }
}

function limitOf({ operation }: OperationDefinitionNode): number {
  return operation === 'subscription' ? LIMITS.subscription : LIMITS.complexity;
}

function hasList(schema: GraphQLSchema, document: DocumentNode): boolean {
  const typeInfo = new TypeInfo(schema);
  let found = false;
  visit(
    document,
    visitWithTypeInfo(typeInfo, {
      [Kind.FIELD]: () => {
        if (isListType(getNullableType(typeInfo.getType()))) found = true;
      },
    }),
  );
  return found;
}

/** Whether a variable of type String or ID has a string, or is nullable and absent, without a default. */
function isText({ type, variable, defaultValue }: VariableDefinitionNode, variables: Variables): boolean {
  if (defaultValue) return false;
  const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  if (inner.kind !== Kind.NAMED_TYPE || (inner.name.value !== 'String' && inner.name.value !== 'ID')) return false;
  const value = variables[variable.name.value];
  return typeof value === 'string' || (value == null && type.kind !== Kind.NON_NULL_TYPE);
}

function isList({ type }: VariableDefinitionNode): boolean {
  return (type.kind === Kind.NON_NULL_TYPE ? type.type : type).kind === Kind.LIST_TYPE;
}

/** A variable of type Int can set the length of a list. */
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

/** Whether a JSON value contains more than `limit` values. Stops counting there. */
function hasMoreValues(value: unknown, limit: number): boolean {
  const known = [value];
  // The loop also visits what it appends.
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
