import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChatChannel } from '../../src/channels/chat-channel.js';
import { FrameEncoding } from '../../src/channels/frame-encoding.js';
import { Tally } from '../../src/domain/counts.js';
import { databaseAway } from '../../src/domain/errors.js';
import type { UserProfile } from '../../src/domain/profile.js';
import type { Viewer } from '../../src/domain/viewer.js';
import type { Disconnect } from '../../src/plugins/websocket/close-codes.js';
import { textFrame } from '../../src/plugins/websocket/frame.js';
import { Connection, type RawSocket } from '../../src/realtime/connection.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  ann = await services.newUser();
});

afterAll(() => services.close());

/** A socket without a network: what was sent, and how it ended. */
class PaperSocket implements RawSocket {
  isOpen = true;
  hasRoom = true;
  isPaused = false;
  readonly heartbeatSeconds = 25;
  readonly sent: { type: string }[] = [];
  disconnected: Disconnect | undefined;
  private wake: (() => void) | undefined;

  sendFrame(frame: Buffer): void {
    const header = frame[1] === 126 ? 4 : 2;
    this.sent.push(JSON.parse(frame.toString('utf8', header)));
    this.wake?.();
  }

  disconnect(disconnect: Disconnect): void {
    this.isOpen = false;
    this.disconnected ??= disconnect;
    this.wake?.();
  }

  pause(): void {
    this.isPaused = true;
    this.wake?.();
  }

  resume(): void {
    this.isPaused = false;
    this.wake?.();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

async function connect(override: Partial<typeof services> = {}, members: UserProfile[] = [ann]) {
  const chat = await services.newChat(...members);
  const socket = new PaperSocket();
  const checked = { head: { chatId: chat.id, epoch: chat.epoch, seq: chat.lastSeq }, askedAt: performance.now() };
  const admitted = { viewer: viewerOf(ann), user: ann, chat, checked, after: undefined };
  const used = { ...services, ...override };
  const encoding = new FrameEncoding((_frame, json) => textFrame(json));
  const channel = new ChatChannel(socket, admitted, { services: used, encoding });
  const log = pino({ level: 'silent' });
  const context = { services: used, encoding, log, requestId: 'request-1', told: new Tally() };
  const connection = new Connection(socket, admitted, channel, context);
  return { chat, socket, connection };
}

/** What a method of a service does when the database is away. */
async function away(): Promise<never> {
  throw databaseAway(new Error('Connection terminated unexpectedly'));
}

function withMethod<Service extends object>(service: Service, methods: Partial<Service>): Service {
  return Object.assign(Object.create(service), methods);
}

describe('opening', () => {
  it('reads nothing of the client before hello', async () => {
    const { socket, connection } = await connect();
    const started = connection.start();
    expect(socket.isPaused).toBe(true);
    await started;
    expect(socket.isPaused).toBe(false);
    expect(socket.sent.map((frame) => frame.type)).toEqual(['hello']);
    connection.closed();
  });

  it('ends with 4410 for who was removed after the upgrade was admitted', async () => {
    const { socket, connection } = await connect({}, []);
    await connection.start();
    expect(socket).toMatchObject({ sent: [], disconnected: { code: 4410 } });
    connection.closed();
  });

  it('ends with 1013 when the database went away after the upgrade was admitted', async () => {
    const { socket, connection } = await connect({ chatStreams: withMethod(services.chatStreams, { open: away }) });
    await connection.start();
    expect(socket).toMatchObject({ sent: [], disconnected: { code: 1013, reason: 'overloaded' } });
    connection.closed();
  });

  it('leaves no stream and no session behind when the client leaves meanwhile', async () => {
    const [streams, sessions] = [services.chatStreams.size, services.sessions.size];
    const { socket, connection } = await connect();
    const started = connection.start();
    socket.isOpen = false;
    connection.closed();
    await started;
    expect(socket.sent).toEqual([]);
    expect([services.chatStreams.size, services.sessions.size]).toEqual([streams, sessions]);
  });
});

describe('a frame', () => {
  const say = (connection: Connection, frame: object) => connection.receive(Buffer.from(JSON.stringify(frame)), false);

  it('is answered with a retryable error while the database is away', async () => {
    const { socket, connection } = await connect({ messages: withMethod(services.messages, { send: away }) });
    await connection.start();
    say(connection, { type: 'message.send', id: 'c1', content: 'hi' });
    await socket.until(() => socket.sent.some((frame) => frame.type === 'error'));
    expect(socket.sent.at(-1)).toEqual({
      type: 'error',
      id: 'c1',
      code: 'SERVICE_UNAVAILABLE',
      message: 'The database is not available. Please try again.',
      retryAfterMs: 1000,
    });
    expect(socket.isOpen).toBe(true);
    connection.closed();
  });

  it('that meets a fault of ours gets an error without a detail', async () => {
    const send = async () => {
      throw new Error('secret detail');
    };
    const { socket, connection } = await connect({ messages: withMethod(services.messages, { send }) });
    await connection.start();
    say(connection, { type: 'message.send', id: 'c1', content: 'hi' });
    await socket.until(() => socket.sent.some((frame) => frame.type === 'error'));
    expect(socket.sent.at(-1)).toEqual({
      type: 'error',
      id: 'c1',
      code: 'INTERNAL_SERVER_ERROR',
      message: 'Internal server error.',
      requestId: 'request-1',
    });
    connection.closed();
  });

  it('is not acted on once the socket is closing', async () => {
    const { chat, socket, connection } = await connect();
    await connection.start();
    connection.sessionEnded('token_revoked');
    say(connection, { type: 'message.send', id: 'c1', content: 'hi' });
    connection.receive(Buffer.from('not JSON'), false);
    await services.messages.drain();
    expect(await services.chatLog.lastMessages([chat.id])).toEqual(new Map());
    expect(socket.disconnected).toEqual({ code: 4403, reason: 'token_revoked' });
    connection.closed();
  });
});

describe('auth frames', () => {
  const say = (connection: Connection, frame: object) => connection.receive(Buffer.from(JSON.stringify(frame)), false);

  it('are looked up one at a time, one waits, more are refused at once, and nothing else is read meanwhile', async () => {
    const asked: ((viewer: Viewer) => void)[] = [];
    const authenticate = () => new Promise<Viewer>((resolve) => asked.push(resolve));
    const { socket, connection } = await connect({ tokens: withMethod(services.tokens, { authenticate }) });
    await connection.start();
    await socket.until(() => socket.sent.some((frame) => frame.type === 'live'));
    socket.sent.length = 0;
    for (let index = 1; index <= 400; index += 1) say(connection, { type: 'auth', id: `a${index}`, token: 'x' });
    say(connection, { type: 'ping', id: 'last' });
    expect(asked).toHaveLength(1);
    expect(socket.isPaused).toBe(true);
    await socket.until(() => socket.sent.length === 398);
    expect(new Set(socket.sent.map((frame) => ({ ...frame, id: '' })).map((frame) => JSON.stringify(frame))).size).toBe(
      1,
    );
    expect(socket.sent[0]).toEqual({
      type: 'error',
      id: 'a3',
      code: 'RATE_LIMITED',
      message: 'Too many renewals of this socket’s token at once. Please slow down.',
      retryAfterMs: 1000,
    });
    asked[0]?.(viewerOf(ann));
    await socket.until(() => asked.length === 2);
    expect(socket.isPaused).toBe(true);
    asked[1]?.(viewerOf(ann));
    await socket.until(() => !socket.isPaused);
    expect(socket.sent.slice(398)).toMatchObject([
      { type: 'ack', id: 'a1' },
      { type: 'ack', id: 'a2' },
      { type: 'pong', id: 'last' },
    ]);
    say(connection, { type: 'auth', id: 'later', token: 'x' });
    expect(asked).toHaveLength(3);
    connection.closed();
  });

  it('leave a socket without room paused', async () => {
    const { socket, connection } = await connect({
      tokens: withMethod(services.tokens, { authenticate: async () => viewerOf(ann) }),
    });
    await connection.start();
    socket.hasRoom = false;
    say(connection, { type: 'auth', id: 'a', token: 'x' });
    say(connection, { type: 'ping', id: 'p' });
    await socket.until(() => socket.sent.some((frame) => frame.type === 'pong'));
    expect(socket.isPaused).toBe(true);
    connection.closed();
  });
});

describe('a change of role that cannot be checked', () => {
  it('ends the connection: it does not go on unchecked', async () => {
    const { socket, connection } = await connect({ chats: withMethod(services.chats, { requireLog: away }) });
    await connection.start();
    connection.viewerChanged();
    await socket.until(() => !socket.isOpen);
    expect(socket.disconnected).toEqual({ code: 1013, reason: 'overloaded' });
    connection.closed();
  });
});

describe('a socket without room', () => {
  it('makes the stream wait, and gets everything when it has room again', async () => {
    const { chat, socket, connection } = await connect();
    await connection.start();
    await socket.until(() => socket.sent.some((frame) => frame.type === 'live'));
    const send = (content: string) => services.messages.send(viewerOf(ann), { chatId: chat.id, content });
    socket.hasRoom = false;
    for (const content of ['a', 'b', 'c']) await send(content);
    await socket.until(() => socket.sent.length === 3);
    socket.hasRoom = true;
    connection.drained();
    await socket.until(() => socket.sent.length === 5);
    expect(socket.sent.slice(2)).toMatchObject([
      { message: { content: 'a' } },
      { message: { content: 'b' } },
      { message: { content: 'c' } },
    ]);
    connection.closed();
  });
});
