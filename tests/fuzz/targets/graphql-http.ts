import fc from 'fast-check';
import { type GeneratedOperation, operation } from '../generators/documents.js';
import { bearer, encoding, framing, type Header, moreHeaders, type RequestParts } from '../generators/http-requests.js';
import { edited, oddJson, oddValue } from '../generators/texts.js';
import { graphqlRules } from '../rules.js';
import { ask } from './ask.js';
import type { Target } from './target.js';

const contentType = fc.oneof(
  { arbitrary: fc.constant('application/json'), weight: 20 },
  {
    arbitrary: fc.constantFrom(
      'application/json; charset=utf-8',
      'application/json; charset=x',
      'text/plain',
      'application/graphql',
      'multipart/form-data; boundary=b',
      '',
      'application/jsonx',
    ),
    weight: 1,
  },
);

const envelope = operation.map((given) => JSON.stringify(given));
const body = fc.oneof(
  { arbitrary: envelope, weight: 16 },
  { arbitrary: edited(envelope), weight: 2 },
  { arbitrary: oddJson, weight: 1 },
  { arbitrary: fc.array(envelope, { maxLength: 3 }).map((all) => `[${all.join(',')}]`), weight: 1 },
  {
    arbitrary: fc
      .record({ query: oddValue, variables: oddValue, extensions: oddValue, operationName: oddValue })
      .map((given) => JSON.stringify(given)),
    weight: 1,
  },
);

type Part = Pick<RequestParts, 'method' | 'path' | 'body'> & { headers: readonly Header[] };

const post: fc.Arbitrary<Part> = fc.tuple(body, contentType).map(([text, type]) => ({
  method: 'POST',
  path: '/graphql/',
  body: text,
  headers: type === '' ? [] : [['Content-Type', type]],
}));

function queryString({ query, variables, operationName }: GeneratedOperation): string {
  // A name of another type than text goes as JSON: an object of any members may have no text of its own.
  const name = typeof operationName === 'string' ? operationName : JSON.stringify(operationName);
  const parameters = { query, variables: JSON.stringify(variables), operationName: name };
  const parts = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return parts.map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`).join('&');
}

/** What comes in an URL has to fit into the head of a request. */
const URL_LENGTH = 8000;
const get: fc.Arbitrary<Part> = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
    fc.oneof(
      { arbitrary: operation.map(queryString), weight: 8 },
      { arbitrary: edited(operation.map(queryString)), weight: 2 },
    ),
  )
  .map(([method, text]) => ({
    method,
    path: `/graphql/?${urlCharacters(text).slice(0, URL_LENGTH)}`,
    body: '',
    headers: [],
  }));

/** No space and no control character, which would end the request line. */
function urlCharacters(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '');
}

const inputs: fc.Arbitrary<RequestParts> = fc
  .record({
    part: fc.oneof({ arbitrary: post, weight: 5 }, { arbitrary: get, weight: 1 }),
    bearer,
    more: moreHeaders,
    encoding,
    framing,
  })
  .map(({ part, bearer: authorization, more, ...rest }) => ({
    ...rest,
    ...part,
    headers: [...part.headers, ...authorization, ...more],
  }));

export const graphqlHttp: Target<RequestParts> = {
  name: 'graphql',
  weight: 30,
  inputs,
  send: (request, scene) => ask(request, graphqlRules(scene.oracle), scene),
};
