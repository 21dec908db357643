// Sends made-up refresh tokens, so many at a time, until it is told to stop; then it says what was answered.
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const { origin, clientId, atOnce } = workerData;
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
const statuses = {};
let isOver = false;
parentPort.once('message', () => {
  isOver = true;
});

const send = () =>
  new Promise((resolve) => {
    const token = `crt_${randomBytes(32).toString('base64url')}`;
    const body = `grant_type=refresh_token&client_id=${clientId}&refresh_token=${token}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
    const sent = request(`${origin}/oauth/token/`, { method: 'POST', agent, headers, localAddress: '127.0.0.9' });
    sent.on('response', (response) => {
      statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      response.resume().on('end', resolve);
    });
    sent.on('error', () => resolve());
    sent.end(body);
  });

parentPort.postMessage('begun');
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (!isOver) await send();
  }),
);
agent.destroy();
parentPort.postMessage(statuses);
