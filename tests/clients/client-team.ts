import { WebSocket } from 'ws';
import {
  type ChatClient,
  type ChatClientOptions,
  createChatClient,
  type Observable,
  sseTransport,
  type Transport,
  webSocketTransport,
} from '../../clients/typescript/src/client.js';
import { TcpProxy } from '../faults/tcp-proxy.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

export interface Person {
  id: string;
  username: string;
}

export interface Chat {
  id: string;
  name: string;
}

type ClientOptions = Partial<Omit<ChatClientOptions, 'token' | 'oauth'>> & { token?: () => Promise<string> };

/** The WebSocket of the package `ws`: Node.js 20 has none of its own. */
export const socketTransport = (): Transport => webSocketTransport(WebSocket);

export const TRANSPORTS = [
  ['WebSocket', socketTransport],
  ['SSE and HTTP', sseTransport],
] as const;

/** A whole service with people and chats, behind a proxy that cuts connections, and clients of the library. */
export async function startClientTeam(
  environment: NodeJS.ProcessEnv = {},
  overrides: Parameters<typeof startTeam>[2] = {},
) {
  const team = await startTeam(1, environment, overrides);
  const { first } = team;
  const { chats, memberships, users } = first.app.services;
  const proxy = await TcpProxy.listen({ port: Number(new URL(first.origin).port) });
  const clients: ChatClient[] = [];
  let count = 0;

  return {
    ...team,
    proxy,
    /** Where clients reach the service: the proxy. */
    url: `http://127.0.0.1:${proxy.port}`,

    async newPerson(name = 'person'): Promise<Person> {
      count += 1;
      const { id, username } = await users.create({ username: `${name}${count}`, password: PASSWORD });
      return { id, username };
    },

    async newChat(...members: Person[]): Promise<Chat> {
      count += 1;
      const { id, name } = await chats.create(`chat ${count}`);
      for (const member of members) await memberships.add(null, id, member.id);
      return { id, name };
    },

    /** A client of this person, which is closed with the team. */
    client(person: Person, options: ClientOptions = {}): ChatClient {
      const client = createChatClient({
        url: `http://127.0.0.1:${proxy.port}`,
        token: () => team.signIn(person.username),
        transport: socketTransport(),
        ...options,
      });
      clients.push(client);
      return client;
    },

    /** A user may have ten inboxes open, so each test closes its clients, and mends the network. */
    closeClients() {
      for (const client of clients.splice(0)) client.close();
      proxy.heal();
    },

    async close() {
      this.closeClients();
      await proxy.close();
      await team.close();
    },
  };
}

export type ClientTeam = Awaited<ReturnType<typeof startClientTeam>>;

/** The first state, of now or later, that is so. */
export async function until<State>(observable: Observable<State>, isSo: (state: State) => boolean): Promise<State> {
  for await (const state of observable) if (isSo(state)) return state;
  throw new Error('It ended before it was so.');
}

/** The next so many values. */
export async function take<Value>(values: AsyncIterator<Value>, count: number): Promise<Value[]> {
  const taken: Value[] = [];
  while (taken.length < count) {
    const { done, value } = await values.next();
    if (done) throw new Error(`It ended after ${taken.length} of ${count}.`);
    taken.push(value);
  }
  return taken;
}
