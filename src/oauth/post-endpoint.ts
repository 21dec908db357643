import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { unlessAnswered } from '../plugins/unless-answered.js';
import { MAX_BODY } from './form.js';
import { OAuthProblem } from './problem.js';

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Serves POST on a path, and refuses other methods before their body is read. */
export function postEndpoint(app: FastifyInstance, path: string, handler: Handler): void {
  const refuse = async () => {
    throw new OAuthProblem('invalid_request', 'Only POST is allowed.', { status: 405, headers: { allow: 'POST' } });
  };
  const others = app.supportedMethods.filter((method) => method !== 'POST');
  app.route({ method: 'POST', url: path, bodyLimit: MAX_BODY, handler: unlessAnswered(handler) });
  app.route({ method: others, url: path, onRequest: refuse, handler: refuse });
}
