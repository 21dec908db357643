import { checkMembers, isObject, jsonObject, type Oracle, type Rules } from './oracle.js';
import { Violation } from './violation.js';
import type { HttpResponse } from './wire/http-responses.js';

const OAUTH_ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_token',
  'insufficient_scope',
];

/** The codes of errors of GraphQL and of the raw channel, without those that a service without limits never says. */
export const ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'BAD_USER_INPUT',
  'CONFLICT',
  'NONCE_REUSED',
  'CURSOR_RESET',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
];

/** Refusals of the HTTP server itself, of requests that no endpoint ever sees: 413 and 415 by a path where nothing is. */
const SERVER_REFUSALS = [400, 404, 408, 413, 415, 417, 431];

function isJson({ headers }: HttpResponse): boolean {
  return /^application\/(?:graphql-response\+)?json\b/.test(headers.get('content-type') ?? '');
}

/** What no endpoint answers itself: `{"error","message"}`. */
function checkPlainRefusal(response: HttpResponse): void {
  if (response.body === '') return;
  checkMembers(jsonObject(response.body), { error: 'string', message: 'string', 'statusCode?': 'number' });
}

function oauth(checkSuccess: (response: HttpResponse) => void, handsOutSecrets = false): Rules {
  return {
    statuses: [200, 204, 401, 403, 405, ...SERVER_REFUSALS],
    handsOutSecrets: ({ status }) => handsOutSecrets && status === 200,
    check(response) {
      const { status, body } = response;
      // OPTIONS is CORS's to answer.
      if (status === 204 || body === '') return;
      if (status === 200) checkSuccess(response);
      else if ([400, 401, 403, 405, 413, 415].includes(status)) checkOAuthError(response);
      else checkPlainRefusal(response);
    },
  };
}

function checkOAuthError(response: HttpResponse): void {
  const object = jsonObject(response.body);
  if ('message' in object) {
    checkPlainRefusal(response);
    return;
  }
  checkMembers(object, { error: 'string', error_description: 'string' });
  if (!OAUTH_ERRORS.includes(String(object.error))) throw new Violation(`The error ${object.error} is not documented.`);
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(String(object.error_description)))
    throw new Violation('error_description holds what RFC 6749 does not allow.');
}

export const tokenRules = oauth(({ body, headers }) => {
  if (headers.get('cache-control') !== 'no-store') throw new Violation('A token without Cache-Control: no-store.');
  checkMembers(jsonObject(body), {
    access_token: 'string',
    expires_in: 'number',
    token_type: 'string',
    scope: 'string',
    'refresh_token?': 'string',
  });
}, true);

export const revocationRules = oauth(({ body }) => {
  throw new Violation(`A revocation is answered with a body: ${body.slice(0, 100)}`);
});

export const introspectionRules = oauth(({ body }) => {
  const { active, ...more } = jsonObject(body);
  if (typeof active !== 'boolean') throw new Violation('An introspection without "active".');
  if (!active && Object.keys(more).length > 0) throw new Violation('An inactive token is described.');
});

/** https://graphql.github.io/graphql-over-http/draft/#sec-Response */
export function graphqlRules(oracle: Oracle): Rules {
  return {
    statuses: [200, 204, 401, 403, 405, ...SERVER_REFUSALS],
    check(response) {
      const { status, body } = response;
      if (body === '') return;
      if (!isJson(response)) throw new Violation(`Not JSON: ${response.headers.get('content-type')}`);
      const object = jsonObject(body);
      if (status !== 200 && 'message' in object) checkPlainRefusal(response);
      else checkExecution(object, oracle);
    },
  };
}

/** @throws Violation for what is no result of an execution. */
export function checkExecution(result: Record<string, unknown>, oracle: Oracle): void {
  const extra = Object.keys(result).find((name) => !['data', 'errors'].includes(name));
  if (extra !== undefined) throw new Violation(`The member "${extra}" of a result is not documented.`);
  if (result.errors === undefined && result.data === undefined)
    throw new Violation('A result without data and errors.');
  if (result.errors !== undefined) checkErrors(result.errors, oracle);
}

/** @throws Violation */
export function checkErrors(errors: unknown, oracle: Oracle): void {
  if (!Array.isArray(errors)) throw new Violation(`errors is no list: ${JSON.stringify(errors)}`);
  for (const error of errors) {
    if (!isObject(error) || typeof error.message !== 'string')
      throw new Violation(`No error: ${JSON.stringify(error)}`);
    oracle.errorCode(isObject(error.extensions) ? error.extensions.code : undefined, ERROR_CODES);
  }
}

/** What `ws` says of the headers of a handshake (https://datatracker.ietf.org/doc/html/rfc6455#section-4.2.1). */
function isHandshakeRefusal({ status, body }: HttpResponse): boolean {
  return status === 400 && /^(?:Missing or invalid|Invalid) (?:Sec-WebSocket-\w+|Upgrade) header$/.test(body);
}

export const upgradeRules: Rules = {
  statuses: [200, 204, 401, 403, 405, 426, ...SERVER_REFUSALS],
  check(response) {
    if (response.body === '' || response.status === 200 || isHandshakeRefusal(response)) return;
    const object = jsonObject(response.body);
    if (!('errors' in object)) checkPlainRefusal(response);
  },
};

/** For bytes that may be a request to anything. */
export const anythingRules: Rules = {
  statuses: [101, 200, 204, 302, 401, 403, 405, 426, ...SERVER_REFUSALS],
  check(response) {
    if (response.body !== '' && isJson(response)) JSON.parse(response.body);
  },
};
