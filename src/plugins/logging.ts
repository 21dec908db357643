import type { FastifyServerOptions } from 'fastify';
import { withoutTokens } from '../domain/access/tokens/opaque-token.js';
import { clientAddress } from './limits/address.js';
import { RepeatedLines } from './repeated-lines.js';

/** pino's level for warnings; errors are above it. https://getpino.io/#/docs/api?id=logger-levels */
const WARN = 40;

/**
 * Structured logs, one JSON object a line. Of a request, the id, method and path are logged, without the token of an incoming hook. The
 * query string, headers and bodies are not: they may hold tokens or messages. Repeated warnings and errors are rate limited (`RepeatedLines`), and
 * `onLeftOut` receives how many lines were dropped.
 */
export function loggerOptions(
  level: string,
  stream?: { write(line: string): void },
  onLeftOut: (message: string, lines: number) => void = () => {},
): FastifyServerOptions['logger'] {
  const repeated = new RepeatedLines(onLeftOut);
  return {
    level,
    hooks: {
      logMethod(args, method, lineLevel) {
        const message = args.find((arg) => typeof arg === 'string') ?? '';
        if (lineLevel < WARN || repeated.take(message)) method.apply(this, args);
      },
    },
    ...(stream && { stream }),
    serializers: {
      req: (request) => ({
        method: request.method,
        path: pathOf(request.url),
        remoteAddress: clientAddress(request),
      }),
    },
  };
}

/** Longer paths are cut to so many characters; the service's own are shorter. */
const LOGGED_PATH = 200;

/** What follows is a token, or was meant to be one. */
const HOOKS = '/hooks/';

/** Also when it is percent-encoded, which the router decodes. */
function isOfHook(path: string): boolean {
  if (path.startsWith(HOOKS)) return true;
  if (!path.includes('%')) return false;
  try {
    return decodeURIComponent(path).startsWith(HOOKS);
  } catch {
    return false;
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  const path = withoutTokens(query === -1 ? url : url.slice(0, query));
  if (isOfHook(path)) return `${HOOKS}…`;
  return path.length > LOGGED_PATH ? `${path.slice(0, LOGGED_PATH)}…` : path;
}
