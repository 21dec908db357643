import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

export interface HeadersOptions {
  /** The origin that clients know the service by. Where it is https, browsers are told to keep to it. */
  publicUrl: string | undefined;
}

const NOTHING = ["'none'"];
const YEAR_SECONDS = 31_536_000;

/** The same for what Fastify answers before any hook runs, to a path that it cannot read. */
export const UNROUTED_HEADERS = {
  'Content-Security-Policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/**
 * What browsers may do with our answers. They are data, so: nothing, wherever somebody manages to have one shown as a page. The
 * few pages there are (GraphiQL, sign-in) set policies of their own over these. CORS is what lets a page read an answer.
 */
async function headers(app: FastifyInstance, options: HeadersOptions) {
  const always = await headersOf(policy(options));
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(always);
    done();
  });
}

/** Helmet puts its headers together anew for each request, which was 4 % of a send's CPU. Ours are always the same. */
async function headersOf(options: FastifyHelmetOptions): Promise<Record<string, string>> {
  const sample = Fastify();
  await sample.register(helmet, options);
  sample.get('/', (_request, reply) => reply.send(reply.raw.getHeaders()));
  const answer = await sample.inject('/');
  await sample.close();
  return answer.json();
}

function policy({ publicUrl }: HeadersOptions): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: NOTHING, baseUri: NOTHING, formAction: NOTHING, frameAncestors: NOTHING },
    },
    strictTransportSecurity: publicUrl?.startsWith('https:')
      ? { maxAge: YEAR_SECONDS, includeSubDomains: false }
      : false,
    frameguard: { action: 'deny' },
    // Would cut a sign-in page off from the application that opened it in a window of its own.
    crossOriginOpenerPolicy: false,
    // Headers for browsers that are gone, or for what only pages do.
    originAgentCluster: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
  };
}

export default fp(headers, { name: 'headers' });
