import formbody from '@fastify/formbody';
import multipart, { type Multipart } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalidRequest, OAuthProblem } from './problem.js';

/** The parameters of a request: each at most once, none of them empty. */
export type Parameters = ReadonlyMap<string, string>;

/** Bytes. The largest request in use, with an authorization code and its verifier, stays under 2 KiB. */
export const MAX_BODY = 16 * 1024;
const MAX_FIELDS = 32;

/** Lets an instance read forms, and nothing else: JSON is refused (RFC 6749 §3.2, appendix B). */
export async function acceptForms(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers();
  await app.register(formbody, { bodyLimit: MAX_BODY });
  await app.register(multipart, {
    limits: { fieldNameSize: 100, fieldSize: MAX_BODY, fields: MAX_FIELDS, parts: MAX_FIELDS, headerPairs: 16 },
  });
}

/** Secrets in a URL end in logs and histories; RFC 6749 §3.2 and §2.3.1 want everything in the body. */
export function refuseQueryParameters(request: FastifyRequest): void {
  const mark = request.url.indexOf('?');
  if (mark >= 0 && mark < request.url.length - 1) throw invalidRequest('URL query parameters are not allowed.');
}

/** Reads the body of either form. @throws OAuthProblem `invalid_request` for a repeated parameter and for a malformed body. */
export async function readParameters(request: FastifyRequest): Promise<Parameters> {
  const fields = request.isMultipart() ? await readMultipart(request) : readUrlEncoded(request.body);
  const seen = new Set<string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of fields) {
    // RFC 6749 §3.2: not more than once, and one without a value counts as omitted.
    if (seen.has(name)) throw invalidRequest('A parameter is repeated.');
    seen.add(name);
    // A part of a multipart body may name a charset that can write lone surrogates.
    if (!value.isWellFormed()) throw invalidRequest('A parameter is not well-formed Unicode.');
    if (value !== '') parameters.set(name, value);
  }
  return parameters;
}

type Field = [name: string, value: string];

/** @fastify/formbody gives a list for a repeated name. */
function readUrlEncoded(body: unknown): Field[] {
  return Object.entries(body ?? {}).map(([name, value]): Field => {
    if (typeof value !== 'string') throw invalidRequest('A parameter is repeated.');
    return [name, value];
  });
}

async function readMultipart(request: FastifyRequest): Promise<Field[]> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) throw tooLarge();
  // @fastify/multipart writes every header to the log at the level trace, `Authorization` too.
  if (request.log.level === 'trace') request.log.level = 'debug';
  try {
    const fields: Field[] = [];
    for await (const part of request.parts()) fields.push(toField(part));
    return fields;
  } catch (error) {
    if (error instanceof OAuthProblem || (error instanceof Error && 'statusCode' in error)) throw error;
    throw new OAuthProblem('invalid_request', 'The body is not well-formed multipart/form-data.', { cause: error });
  } finally {
    // What is left of a refused body is thrown away, not gathered for a parser that nobody reads.
    request.raw.unpipe();
  }
}

function toField(part: Multipart): Field {
  if (part.type === 'file') throw invalidRequest('A file is not a parameter.');
  if (part.valueTruncated || part.fieldnameTruncated) throw tooLarge();
  if (typeof part.value !== 'string') throw invalidRequest('A parameter must be plain text.');
  return [part.fieldname, part.value];
}

function tooLarge(): OAuthProblem {
  return invalidRequest('The request body is too large.', 413);
}
