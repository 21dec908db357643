import { createClient } from 'redis';
import { WebSocket } from 'ws';

const clientOf = (url: string) => createClient({ url });
type RedisClient = ReturnType<typeof clientOf>;

/** Publishes what happens in chats, and hands on to the sockets of this process what anybody published. */
export class Relay {
  private readonly rooms = new Map<string, Set<WebSocket>>();

  private constructor(
    private readonly publisher: RedisClient,
    private readonly subscriber: RedisClient,
  ) {}

  static async connect(url: string): Promise<Relay> {
    const clients = [clientOf(url), clientOf(url)] as const;
    for (const client of clients) client.on('error', () => {});
    await Promise.all(clients.map((client) => client.connect()));
    return new Relay(...clients);
  }

  async join(chatId: string, socket: WebSocket): Promise<void> {
    const room = this.rooms.get(chatId) ?? new Set();
    room.add(socket);
    if (room.size > 1) return;
    this.rooms.set(chatId, room);
    // As a Buffer, which `ws` sends to each socket without encoding it again.
    await this.subscriber.subscribe(`chat:${chatId}`, (message) => this.deliver(room, message), true);
  }

  leave(chatId: string, socket: WebSocket): void {
    const room = this.rooms.get(chatId);
    if (!room?.delete(socket) || room.size > 0) return;
    this.rooms.delete(chatId);
    void this.subscriber.unsubscribe(`chat:${chatId}`);
  }

  async publish(chatId: string, message: string): Promise<void> {
    await this.publisher.publish(`chat:${chatId}`, message);
  }

  private deliver(room: ReadonlySet<WebSocket>, message: Buffer): void {
    for (const socket of room) if (socket.readyState === WebSocket.OPEN) socket.send(message, { binary: false });
  }
}
