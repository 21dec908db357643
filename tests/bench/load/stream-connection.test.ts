import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { HALL, person } from '../world/identities.js';
import { eventStream } from './dialects/event-stream.js';
import { StreamConnection } from './stream-connection.js';

test('An event stream is opened without an upgrade, and its events are heard until it is cut', async () => {
  const server = createServer((request, response) => {
    const isStream = request.url === `/sse/chat/${encodeURIComponent(HALL.name)}/` && !request.headers.upgrade;
    response.useChunkedEncodingByDefault = false;
    response.writeHead(isStream ? 200 : 404, { connection: 'close' });
    response.write('retry: 2000\n\nevent: hello\nid: e:1\ndata: {"type":"hello","cursor":"e:1"}\n\n:\n\n');
    setImmediate(() => response.end('event: message.created\nid: e:2\ndata: {"type":"message.created","seq":2}\n\n'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const heard: string[] = [];
  const how = await new Promise<string>((resolve, reject) => {
    const listener = {
      text: (bytes: Buffer, start: number, end: number) => heard.push(bytes.toString('utf8', start, end)),
      closed: resolve,
    };
    StreamConnection.open(port, eventStream.upgrade(HALL, person(0), undefined), listener).catch(reject);
  });
  expect(how).toBe('the connection was cut');
  expect(heard.map((text) => eventStream.read(text, HALL, person(0)).kind)).toEqual(['ready', 'nothing']);
  server.close();
});
