import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { isPresent } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import { BearerError, bearerToken } from './bearer.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The holder of the request's Bearer token; null without a token. @throws BearerError when the token is not valid. */
    authenticate(request: FastifyRequest): Promise<Viewer | null>;
  }
}

export interface AuthenticateOptions {
  /** Called for every request with a valid token; may throw to refuse the request. */
  count?: (request: FastifyRequest, viewer: Viewer) => void;
}

async function authenticate(app: FastifyInstance, { count }: AuthenticateOptions) {
  app.decorate('authenticate', async (request) => {
    const token = bearerToken(request.headers.authorization);
    if (token === null) return null;
    const viewer = await app.services.viewers.authenticate(token);
    if (!viewer) throw BearerError.invalid();
    count?.(request, viewer);
    if (isPresent(viewer.user)) app.services.presences.active(viewer.user.id);
    return viewer;
  });
}

export default fp(authenticate, { name: 'authenticate', dependencies: ['services'] });
