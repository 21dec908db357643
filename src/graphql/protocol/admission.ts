import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type ParseOptions,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import type { OperationRequest } from './messages.js';

export interface AdmissionRules {
  parseOptions?: ParseOptions;
  /** Beyond those of the specification. */
  validationRules?: readonly ValidationRule[];
}

const CACHED_DOCUMENTS = 256;
/** Characters. A longer document is checked each time, so that the cache stays small. */
const CACHED_LENGTH = 8192;

/**
 * Says of an operation of a socket whether it may run, by the rules that hold over HTTP. Mercurius validates no subscription,
 * applies no token limit on a socket, and its texts for what it refuses there are not written for a client.
 */
export class Admission {
  private readonly documents = new Map<string, DocumentNode>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly rules: AdmissionRules,
  ) {}

  /** Every reason why not; nothing when it may. */
  check({ query, operationName, variables = {} }: OperationRequest): readonly GraphQLError[] {
    const document = this.read(query);
    if (!('kind' in document)) return document;
    const operation = getOperationAST(document, operationName);
    if (!operation) return [unknownOperation(operationName)];
    const { errors = [] } = getVariableValues(this.schema, operation.variableDefinitions ?? [], variables);
    return errors;
  }

  private read(query: string): DocumentNode | readonly GraphQLError[] {
    const known = this.documents.get(query);
    if (known) return this.remember(query, known);
    const { parseOptions, validationRules = [] } = this.rules;
    try {
      const document = parse(query, parseOptions);
      const errors = validate(this.schema, document, [...specifiedRules, ...validationRules]);
      return errors.length > 0 ? errors : this.remember(query, document);
    } catch (error) {
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  /** Keeps the documents that were used last. */
  private remember(query: string, document: DocumentNode): DocumentNode {
    if (query.length > CACHED_LENGTH) return document;
    this.documents.delete(query);
    this.documents.set(query, document);
    for (const oldest of this.documents.keys()) {
      if (this.documents.size <= CACHED_DOCUMENTS) break;
      this.documents.delete(oldest);
    }
    return document;
  }
}

function unknownOperation(operationName: string | undefined): GraphQLError {
  return new GraphQLError(
    operationName === undefined
      ? 'operationName is required for a document with several operations.'
      : `There is no operation named "${operationName}" in the document.`,
  );
}
