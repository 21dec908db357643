import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { isNestedTooDeeply } from './json-nesting.js';

/** A request whose encoding is wrong or not supported. The client reads the message. */
export class UnreadableText extends Error {
  override readonly name = 'UnreadableText';

  constructor(
    readonly statusCode: 400 | 415,
    message: string,
  ) {
    super(message);
  }
}

/** Up to so many characters, parsing a body is faster than scanning its nesting first. */
const SHORT_BODY = 4096;
const ESCAPED_BYTES = /(?:%[0-9a-f]{2})+/gi;
const CHARSET = /;\s*charset\s*=\s*"?\s*([^\s";,]*)/i;

/**
 * Refuses bodies and percent-encoded URLs that are not UTF-8. Decoding them anyway would store U+FFFD in place of the
 * client's characters.
 */
async function requestText(app: FastifyInstance) {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (typeof body !== 'string' && !isUtf8(body)) return done(new UnreadableText(400, 'The body must be UTF-8.'));
    const text = body.toString();
    if (isNestedTooDeeply(text, SHORT_BODY)) done(new UnreadableText(400, 'The body must not be nested so deeply.'));
    else void parseJson(request, text, done);
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers, url } = request.raw;
    done(refusal(headers['content-type'], headers['content-encoding'], url ?? ''));
  });
}

function refusal(type: string | undefined, encoding: string | undefined, url: string): UnreadableText | undefined {
  if (encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity')
    return new UnreadableText(415, 'The body must come without a Content-Encoding.');
  if (type?.includes(';')) {
    const charset = CHARSET.exec(type)?.[1]?.toLowerCase();
    if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset))
      return new UnreadableText(415, 'The charset of the Content-Type must be utf-8.');
  }
  if (url.includes('%') && !isEscapedUtf8(url))
    return new UnreadableText(400, 'What is percent-encoded in the URL must be UTF-8.');
  return undefined;
}

/** Whether the percent-encoded bytes of a text are UTF-8. Percent signs that begin no escape are ignored. */
export function isEscapedUtf8(text: string): boolean {
  try {
    for (const [bytes] of text.matchAll(ESCAPED_BYTES)) decodeURIComponent(bytes);
    return true;
  } catch {
    return false;
  }
}

export default fp(requestText, { name: 'request-text' });
