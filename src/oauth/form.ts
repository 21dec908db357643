import { isUtf8 } from 'node:buffer';
import multipart, { type Multipart } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isEscapedUtf8 } from '../plugins/request-text.js';
import { invalidRequest, OAuthProblem } from './problem.js';

/** The parameters of a request. None is repeated or empty. */
export type Parameters = ReadonlyMap<string, string>;

/** Bytes. The largest usual request, with an authorization code and its verifier, has less than 2 KiB. */
export const MAX_BODY = 16 * 1024;
const MAX_FIELDS = 32;

/** Makes an instance parse forms only. JSON is refused (RFC 6749 §3.2, appendix B). */
export async function acceptForms(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: MAX_BODY },
    async (_request: FastifyRequest, body: Buffer): Promise<URLSearchParams> => {
      const text = body.toString();
      if (!isUtf8(body) || !isEscapedUtf8(text)) throw notUtf8();
      return new URLSearchParams(text);
    },
  );
  await app.register(multipart, {
    limits: { fieldNameSize: 100, fieldSize: MAX_BODY, fields: MAX_FIELDS, parts: MAX_FIELDS, headerPairs: 16 },
  });
}

/** Refuses parameters in the URL, where secrets would get into logs and histories (RFC 6749 §3.2 and §2.3.1). */
export function refuseQueryParameters(request: FastifyRequest): void {
  const mark = request.url.indexOf('?');
  if (mark >= 0 && mark < request.url.length - 1) throw invalidRequest('URL query parameters are not allowed.');
}

/** Reads a url-encoded or multipart body. @throws OAuthProblem `invalid_request` for a repeated parameter or a malformed body */
export async function readParameters(request: FastifyRequest): Promise<Parameters> {
  const fields = request.isMultipart() ? await readMultipart(request) : readUrlEncoded(request.body);
  const seen = new Set<string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of fields) {
    // RFC 6749 §3.2: a parameter must not be repeated, and one without a value counts as omitted.
    if (seen.has(name)) throw invalidRequest('A parameter is repeated.');
    seen.add(name);
    // Decoders replace bytes that are not UTF-8 by U+FFFD.
    if (request.isMultipart() && (value + name).includes('\ufffd')) throw notUtf8();
    // A part of a multipart body may name a charset that can encode lone surrogates.
    if (!value.isWellFormed()) throw invalidRequest('A parameter is not well-formed Unicode.');
    if (value !== '') parameters.set(name, value);
  }
  return parameters;
}

type Field = [name: string, value: string];

function readUrlEncoded(body: unknown): Field[] {
  return body instanceof URLSearchParams ? [...body] : [];
}

async function readMultipart(request: FastifyRequest): Promise<Field[]> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) throw tooLarge();
  // At the level trace, @fastify/multipart logs all headers, including `Authorization`.
  if (request.log.level === 'trace') request.log.level = 'debug';
  try {
    const fields: Field[] = [];
    for await (const part of request.parts()) fields.push(toField(part));
    return fields;
  } catch (error) {
    if (error instanceof OAuthProblem || (error instanceof Error && 'statusCode' in error)) throw error;
    throw new OAuthProblem('invalid_request', 'The body is not well-formed multipart/form-data.', { cause: error });
  } finally {
    // The rest of a refused body is discarded instead of buffered for the parser.
    request.raw.unpipe();
  }
}

function toField(part: Multipart): Field {
  if (part.type === 'file') throw invalidRequest('A file is not a parameter.');
  if (part.valueTruncated || part.fieldnameTruncated) throw tooLarge();
  if (typeof part.value !== 'string') throw invalidRequest('A parameter must be plain text.');
  return [part.fieldname, part.value];
}

function notUtf8(): OAuthProblem {
  return invalidRequest('The body must be UTF-8.');
}

function tooLarge(): OAuthProblem {
  return invalidRequest('The request body is too large.', 413);
}
