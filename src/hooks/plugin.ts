import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerRestError } from '../plugins/rest-errors.js';
import { unlessAnswered } from '../plugins/unless-answered.js';
import { hookMessage } from './hook-request.js';

interface Route {
  Params: { '*'?: string };
}

/**
 * Incoming hooks: `POST /hooks/<token>/` sends a message as the hook's bot, and answers with its id and number (docs/embedding.md).
 * Encapsulated: the body parsers and the error handler are for these paths only.
 */
export default async function hooks(app: FastifyInstance): Promise<void> {
  const { incomingHooks } = app.services;
  app.setErrorHandler(answerRestError);
  app.removeContentTypeParser('text/plain');
  const post = async (request: FastifyRequest<Route>, reply: FastifyReply) => {
    // The answer to a program is of no use to a cache.
    reply.header('Cache-Control', 'no-store');
    // With and without a slash at its end, as all paths.
    const token = (request.params['*'] ?? '').replace(/\/$/, '');
    const { id, seq } = await incomingHooks.post(token, hookMessage(request));
    // The deadline may have answered.
    return reply.sent ? reply : reply.send({ id, seq });
  };
  const refuse = async (_request: FastifyRequest, reply: FastifyReply) =>
    reply.code(405).header('Allow', 'POST').send({ code: 'BAD_USER_INPUT', message: 'Only POST is allowed.' });
  const others = app.supportedMethods.filter((method) => method !== 'POST');
  app.route<Route>({ method: 'POST', url: '/hooks/*', handler: unlessAnswered(post) });
  app.route({ method: others, url: '/hooks/*', onRequest: refuse, handler: refuse });
}
