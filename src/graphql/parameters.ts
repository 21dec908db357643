import { badInput } from '../domain/errors.js';
import type { OperationRequest } from './documents.js';

/**
 * The parameters of a request, strictly of the types that the specification says.
 * https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
 * @throws DomainError `BAD_USER_INPUT` naming the parameter.
 */
export function parseBody(body: unknown): OperationRequest {
  if (!isObject(body)) throw badInput('body', 'The body must be a JSON object with the member "query".');
  const { query, operationName, variables, extensions } = body;
  checkObject('extensions', extensions);
  return {
    query: checkQuery(query),
    operationName: checkName(operationName),
    variables: checkObject('variables', variables),
  };
}

/** As `parseBody`, of a URL: variables and extensions are JSON in it. */
export function parseQueryString(parameters: unknown): OperationRequest {
  if (!isObject(parameters)) throw badInput('query', 'The parameter "query" is missing.');
  const { query, operationName, variables, extensions } = parameters;
  checkObject('extensions', parseJson('extensions', extensions));
  return {
    query: checkQuery(query),
    // An empty value is how a form leaves a parameter out.
    operationName: checkName(operationName === '' ? undefined : operationName),
    variables: checkObject('variables', parseJson('variables', variables)),
  };
}

function checkQuery(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw badInput('query', 'query must be a GraphQL document.');
  return value;
}

function checkName(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badInput('operationName', 'operationName must be a string.');
  return value;
}

function checkObject(field: string, value: unknown): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw badInput(field, `${field} must be an object.`);
  return value;
}

function parseJson(field: string, value: unknown): unknown {
  if (value === undefined || value === '') return undefined;
  try {
    if (typeof value === 'string') return JSON.parse(value);
  } catch {
    // Said below, for a repeated parameter too.
  }
  throw badInput(field, `${field} must be one JSON object.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
