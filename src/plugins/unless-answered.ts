import type { FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify';

type Handler<Route extends RouteGenericInterface> = (
  request: FastifyRequest<Route>,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/** Logs an error of a handler whose request the deadline has already answered (`plugins/limits/deadline.ts`). */
export function unlessAnswered<Route extends RouteGenericInterface = RouteGenericInterface>(
  handler: Handler<Route>,
): Handler<Route> {
  return async (request, reply) => {
    try {
      return await handler(request, reply);
    } catch (error) {
      if (!reply.sent) throw error;
      request.log.debug({ err: error }, 'request failed after its deadline had answered it');
      return reply;
    }
  };
}
