// A small shop with users and sessions of its own. What it has for chat: a room that is made at the start, and the routes below /chat.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import cookie from '@fastify/cookie';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { type ChatAccess, type Customer, createChat } from './chat.js';

const CUSTOMERS: readonly Customer[] = [
  { id: 'customer-1', username: 'jane' },
  { id: 'customer-2', username: 'jim' },
];

const page = readFileSync(new URL('page.html', import.meta.url), 'utf8');

/** @param script page.js, bundled for browsers */
export async function buildShop(access: ChatAccess, script: string): Promise<FastifyInstance> {
  const chat = createChat(access);
  const chatId = await chat.createRoom('tea-talk', 'Tea talk', CUSTOMERS);

  const shop = Fastify();
  await shop.register(cookie);
  shop.addHook('onClose', async () => chat.close());

  shop.get('/', (_request, reply) => reply.type('text/html').send(page));
  shop.get('/page.js', (_request, reply) => reply.type('text/javascript').send(script));

  // The shop's own sign-in. Yours asks for a password, or leads to an identity provider.
  const sessions = new Map<string, Customer>();
  const customerOf = ({ cookies }: FastifyRequest) => sessions.get(cookies.session ?? '');

  shop.post<{ Body: { username: string } }>('/session', { schema: { body: SIGN_IN } }, (request, reply) => {
    const customer = CUSTOMERS.find(({ username }) => username === request.body.username);
    if (!customer) return reply.code(401).send({ message: 'Nobody is called so.' });
    const session = randomUUID();
    sessions.set(session, customer);
    // On HTTPS, add `secure: true`.
    return reply.setCookie('session', session, { path: '/', httpOnly: true, sameSite: 'strict' }).code(204).send();
  });

  shop.delete('/session', (request, reply) => {
    sessions.delete(request.cookies.session ?? '');
    return reply.clearCookie('session', { path: '/' }).code(204).send();
  });

  // Where the chat is.
  shop.get('/chat', (request, reply) => {
    const customer = customerOf(request);
    if (!customer) return reply.code(401).send({ message: 'Sign in first.' });
    return reply.send({ url: chat.url, chatId, username: customer.username });
  });

  // A token for whoever has signed in at the shop. The page asks again before it expires.
  shop.post('/chat/token', async (request, reply) => {
    const customer = customerOf(request);
    if (!customer) return reply.code(401).send({ message: 'Sign in first.' });
    return reply.header('cache-control', 'no-store').send({ token: await chat.issueToken(customer, chatId) });
  });

  return shop;
}

const SIGN_IN = { type: 'object', required: ['username'], properties: { username: { type: 'string' } } };
