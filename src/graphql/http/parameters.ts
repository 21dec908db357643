import { badInput } from '../../domain/errors.js';
import type { OperationRequest } from '../documents/documents.js';

/**
 * Parses the parameters of a POST body, strictly by the types of the specification.
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

/** The same for the query string of a GET, where variables and extensions are JSON. */
export function parseQueryString(parameters: unknown): OperationRequest {
  if (!isObject(parameters)) throw badInput('query', 'The parameter "query" is missing.');
  const { query, operationName, variables, extensions } = parameters;
  checkObject('extensions', parseJson('extensions', extensions));
  return {
    query: checkQuery(query),
    // HTML forms send an empty value for a missing parameter.
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
    // Invalid JSON; thrown below. A repeated parameter is an array and ends there too.
  }
  throw badInput(field, `${field} must be one JSON object.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
