import type { FastifyServerOptions } from 'fastify';

/**
 * Structured logs, one JSON object a line. A request is known by its id, method and path. Its query string is left out,
 * since a token or a message may stand there, and so are its headers and bodies.
 */
export function loggerOptions(level: string, stream?: { write(line: string): void }): FastifyServerOptions['logger'] {
  return {
    level,
    ...(stream && { stream }),
    serializers: {
      req: (request) => ({
        method: request.method,
        path: pathOf(request.url),
        remoteAddress: request.ip,
      }),
    },
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
