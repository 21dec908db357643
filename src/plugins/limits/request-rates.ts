import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Network } from '../../domain/address.js';
import { DomainError } from '../../domain/errors.js';
import type { Viewer } from '../../domain/viewer.js';
import { clientAddress, countedNetworks } from './address.js';
import { exhaustedBudgets } from './exhausted-budgets.js';
import { holderOf } from './holder.js';
import { type Usage, UsageByOwner } from './usage.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a request for its user. @throws DomainError `RATE_LIMITED` above the user's rate. */
    countForUser(request: FastifyRequest, viewer: Viewer): void;
  }
  interface FastifyRequest {
    /** The usage that the request counts for: its address's, then its user's once the token is checked. */
    usage: Usage;
  }
  interface FastifyContextConfig {
    /** No limit applies to this route. For health checks. */
    isUnlimited?: boolean;
  }
}

export interface RequestRateOptions {
  /** Requests a second per IPv4 address or IPv6 /64; four times as many per /56, eight times per /48. */
  requestsPerAddress: number;
  /** Requests a second per user, over all addresses. */
  requestsPerUser: number;
}

const NONE: readonly Network[] = [];

/** Addresses, and users, that are counted at a time; beyond, those seen longest ago are forgotten. */
const COUNTED = 50_000;

/**
 * Rate limits per address and per user. Each process counts for itself: counting in Redis would cost a round trip per request
 * and make the service depend on Redis.
 */
async function requestRates(app: FastifyInstance, { requestsPerAddress, requestsPerUser }: RequestRateOptions) {
  const addresses = new UsageByOwner(COUNTED);
  const users = new UsageByOwner(COUNTED);
  const budgets = exhaustedBudgets(app);

  // Gives all requests one object shape; `onRequest` sets the value before anything reads it.
  app.decorateRequest('usage');
  app.decorate('countForUser', (request: FastifyRequest, viewer: Viewer) => {
    request.usage = users.of(holderOf(viewer));
    const refused = refusal(request.usage, requestsPerUser);
    if (!refused) return;
    budgets.add('requests_per_user');
    throw refused;
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const address = clientAddress(request);
    // IPv4, the usual case, needs one look-up.
    const [own, ...wider] = address.includes(':') ? countedNetworks(address) : NONE;
    request.usage = addresses.of(own?.name ?? address);
    const refused = refusal(request.usage, requestsPerAddress) ?? refusalOfAny(addresses, wider, requestsPerAddress);
    // Reads the route last: Fastify rebuilds its options at each access.
    if (!refused || request.routeOptions.config.isUnlimited) return done();
    budgets.add('requests_per_address');
    done(refused);
  });
}

/** Counts a request. Returns the error to answer with when it is above `max`. */
function refusal(usage: Usage, max: number): DomainError | undefined {
  const retryAfterMs = usage.countRequest(max, performance.now());
  if (retryAfterMs === 0) return undefined;
  return new DomainError('RATE_LIMITED', 'Too many requests. Please slow down.', { retryAfterMs });
}

/** The same for wider networks, narrowest first: a request that one refuses does not count for the wider ones. */
function refusalOfAny(usages: UsageByOwner, networks: readonly Network[], max: number): DomainError | undefined {
  for (const { name, factor } of networks) {
    const refused = refusal(usages.of(name), max * factor);
    if (refused) return refused;
  }
  return undefined;
}

export default fp(requestRates, { name: 'request-rates' });
