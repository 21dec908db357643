import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { type DefaultEventsMap, Server } from 'socket.io';
import { readEnvironment } from '../store/environment.js';
import { Messages, type Room, type StoredMessage } from '../store/messages.js';
import { openPool } from '../store/pool.js';
import { Tokens, type User } from '../store/tokens.js';
import { createdOnWire } from '../store/wire.js';

interface ClientToServer {
  'message.send': (
    message: { content: string },
    acknowledge: (answer: Omit<StoredMessage, 'epoch'> | { error: string }) => void,
  ) => void;
}

interface ServerToClient {
  hello: (room: { seq: number }) => void;
  'message.created': (event: ReturnType<typeof createdOnWire>) => void;
}

interface SocketData {
  user: User;
  room: Room;
}

/** Socket.IO 4 with its Redis adapter, as their manuals have it, and the same insert as the thin server's. */
const { port, databaseUrl, redisUrl } = readEnvironment();
const pool = openPool(databaseUrl);
const [tokens, messages] = [new Tokens(pool), new Messages(pool)];
// https://socket.io/docs/v4/redis-adapter/
const [publisher, subscriber] = [createClient({ url: redisUrl }), createClient({ url: redisUrl })];
for (const client of [publisher, subscriber]) client.on('error', () => {});
await Promise.all([publisher.connect(), subscriber.connect()]);

const server = createServer((_request, response) => void response.writeHead(200).end('{}'));
const io = new Server<ClientToServer, ServerToClient, DefaultEventsMap, SocketData>(server, {
  adapter: createAdapter(publisher, subscriber),
});

// https://socket.io/docs/v4/middlewares/
io.use((socket, next) => {
  const { token, chat }: { token?: unknown; chat?: unknown } = socket.handshake.auth;
  authenticate(String(token), String(chat)).then(
    (data) => {
      Object.assign(socket.data, data);
      next();
    },
    (error: Error) => next(error),
  );
});

io.on('connection', async (socket) => {
  const { user, room } = socket.data;
  socket.on('message.send', async ({ content }, acknowledge) => {
    const message = await messages.insert(room.id, user, content);
    if (!message) return acknowledge({ error: 'FORBIDDEN' });
    acknowledge(message);
    io.to(room.id).emit('message.created', createdOnWire(message));
  });
  await socket.join(room.id);
  socket.emit('hello', { seq: room.seq });
});

server.listen(port, '127.0.0.1');

async function authenticate(token: string, chat: string): Promise<SocketData> {
  const user = await tokens.find(token);
  const room = user && (await messages.findRoom(chat, user));
  if (!user || !room) throw new Error('UNAUTHENTICATED');
  return { user, room };
}
