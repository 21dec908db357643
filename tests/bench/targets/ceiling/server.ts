import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { textFrame } from '../../../../src/plugins/websocket/frame.js';
import { readEnvironment } from '../store/environment.js';
import { ackOnWire, createdOnWire } from '../store/wire.js';

/** A chat that is nothing but its sockets, and the frames that wait for the end of this turn of the event loop. */
interface Room {
  seq: number;
  sockets: Set<Socket>;
  due: Buffer[];
}

/**
 * The least that a process can do: a frame is made once, the frames of a turn are joined once, and each socket gets those
 * bytes in one write. No database, no Redis, no authentication, no bound on what waits for a slow reader.
 */
const rooms = new Map<string, Room>();
const dirty = new Set<Room>();

const server = createServer((_request, response) => void response.writeHead(200).end('{}'));
const webSockets = new WebSocketServer({ server });

webSockets.on('connection', (webSocket, request) => {
  const name = request.url ?? '/';
  const room = rooms.get(name) ?? { seq: 0, sockets: new Set(), due: [] };
  rooms.set(name, room);
  const { socket } = request;
  room.sockets.add(socket);
  webSocket.on('close', () => room.sockets.delete(socket));
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('message', (data) => {
    const { id, content }: { id: string; content: string } = JSON.parse(data.toString());
    room.seq += 1;
    const stored = {
      id: '01930000-0000-7000-8000-000000000000',
      seq: room.seq,
      epoch: 'bench',
      content,
      createdAt: new Date().toISOString(),
      sender: { id: '01930000-0000-7000-8000-000000000000', username: 'user-0' },
    };
    socket.write(textFrame(JSON.stringify(ackOnWire(id, stored))));
    room.due.push(textFrame(JSON.stringify(createdOnWire(stored))));
    if (dirty.size === 0) setImmediate(flush);
    dirty.add(room);
  });
  socket.write(textFrame(JSON.stringify({ type: 'hello', cursor: `bench:${room.seq}` })));
});

server.listen(readEnvironment().port, '127.0.0.1');

function flush(): void {
  for (const room of dirty) {
    const bytes = Buffer.concat(room.due);
    room.due = [];
    for (const socket of room.sockets) socket.write(bytes);
  }
  dirty.clear();
}
