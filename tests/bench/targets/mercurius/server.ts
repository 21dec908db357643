import Fastify from 'fastify';
import mercurius, { type MercuriusContext } from 'mercurius';
import { readEnvironment } from '../store/environment.js';
import { Messages } from '../store/messages.js';
import { openPool } from '../store/pool.js';
import { Tokens, type User } from '../store/tokens.js';
import { createdOnWire } from '../store/wire.js';
import { schema } from './schema.js';

declare module 'mercurius' {
  interface MercuriusContext {
    /** Of this target only, whose types the service's share. */
    benchUser?: User | undefined;
  }
}

/** GraphQL subscriptions as Mercurius' manual shows them, on its own pub/sub, and the same insert as the thin server's. */
const { port, databaseUrl } = readEnvironment();
const pool = openPool(databaseUrl);
const [tokens, messages] = [new Tokens(pool), new Messages(pool)];

// https://github.com/mercurius-js/mercurius/blob/master/docs/subscriptions.md
const resolvers = {
  ChatEvent: {
    resolveType: (event: { type: string }) => (event.type === 'message.created' ? 'MessageCreated' : 'MemberAdded'),
  },
  Mutation: {
    async sendMessage(
      _root: unknown,
      { chatId, content }: { chatId: string; content: string },
      context: MercuriusContext,
    ) {
      const { pubsub, benchUser } = context;
      const message = benchUser && (await messages.insert(chatId, benchUser, content));
      if (!message) throw new Error('FORBIDDEN');
      await pubsub.publish({ topic: chatId, payload: { chatEvents: { ...createdOnWire(message), chatId } } });
      return message;
    },
  },
  Subscription: {
    chatEvents: {
      async subscribe(_root: unknown, { chatId }: { chatId: string }, { pubsub, benchUser }: MercuriusContext) {
        if (!benchUser || !(await messages.isMember(chatId, benchUser))) throw new Error('FORBIDDEN');
        return pubsub.subscribe(chatId);
      },
    },
  },
};

const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
await app.register(mercurius, {
  schema,
  resolvers,
  path: '/graphql',
  context: async (request) => ({ benchUser: await tokens.findBearer(request.headers.authorization) }),
  subscription: {
    fullWsTransport: true,
    onConnect: async ({ payload }) => {
      const { authorization }: { authorization?: unknown } = payload ?? {};
      const benchUser = await tokens.findBearer(String(authorization));
      return benchUser ? { benchUser } : false;
    },
  },
});
app.get('/readyz', async () => ({}));
await app.listen({ port, host: '127.0.0.1' });
