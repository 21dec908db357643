import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';
import type { Viewer } from '../../domain/viewer.js';
import { addressOf } from './address.js';
import { holderOf } from './holder.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a request for its user. @throws DomainError `RATE_LIMITED` when it is one too many. */
    countForUser(request: FastifyRequest, viewer: Viewer): Promise<void>;
  }
  interface FastifyRequest {
    holder: string | null;
  }
  interface FastifyContextConfig {
    /** Set for routes that answer whatever happens: those that ask for the process's health. */
    isUnlimited?: boolean;
  }
}

export interface RequestRateOptions {
  /** Requests a second of one address, or of one /64 of IPv6. */
  requestsPerAddress: number;
  /** Requests a second of one user, over all addresses. */
  requestsPerUser: number;
}

const WINDOW_MS = 1000;
/** Addresses or users that are counted at a time; of more, those seen longest ago are forgotten. */
const COUNTED = 50_000;

/**
 * How often one address, and one user, may ask. Each process counts for itself: a count in Redis would put a round trip
 * before every request and make the service depend on what it can do without.
 */
async function requestRates(app: FastifyInstance, { requestsPerAddress, requestsPerUser }: RequestRateOptions) {
  await app.register(rateLimit, { global: false, cache: COUNTED });
  app.decorateRequest('holder', null);
  const countForAddress = counter(app, requestsPerAddress, { keyGenerator: addressOf });
  const countForHolder = counter(app, requestsPerUser, { keyGenerator: (request) => request.holder ?? '' });

  app.decorate('countForUser', async (request: FastifyRequest, viewer: Viewer) => {
    request.holder = holderOf(viewer);
    await countForHolder?.(request);
  });
  if (!countForAddress) return;
  app.addHook('onRequest', async (request) => {
    if (!request.routeOptions.config.isUnlimited) await countForAddress(request);
  });
}

function counter(app: FastifyInstance, max: number, options: CreateRateLimitOptions) {
  if (max === Number.POSITIVE_INFINITY) return undefined;
  const count = app.createRateLimit({ ...options, max, timeWindow: WINDOW_MS });
  return async (request: FastifyRequest): Promise<void> => {
    const counted = await count(request);
    if (!counted.isAllowed && counted.isExceeded)
      throw new DomainError('RATE_LIMITED', 'Too many requests. Please slow down.', { retryAfterMs: counted.ttl });
  };
}

export default fp(requestRates, { name: 'request-rates' });
