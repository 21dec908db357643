import { once } from 'node:events';
import net from 'node:net';
import { expect, it } from 'vitest';
import { Tally } from '../../../src/domain/counts.js';
import { UserSockets } from '../../../src/plugins/websocket/user-sockets.js';

const RATE = { perSecond: 1, burst: 1 };

it('a place is taken until its connection is closed', async () => {
  const sockets = new UserSockets(1, RATE, new Tally());
  const connection = new net.Socket();
  sockets.claim('ann', connection);
  expect(() => sockets.claim('ann', new net.Socket())).toThrow('Too many WebSockets');
  sockets.claim('bob', new net.Socket());
  connection.destroy();
  await once(connection, 'close');
  expect(sockets.of('ann')).toBeUndefined();
  sockets.claim('ann', new net.Socket());
});

it('a connection that was reset while its token was looked up holds no place', async () => {
  const sockets = new UserSockets(1, RATE, new Tally());
  const connection = new net.Socket().destroy();
  await once(connection, 'close');
  sockets.claim('ann', connection);
  expect(sockets.of('ann')).toBeUndefined();
  sockets.claim('ann', new net.Socket());
});
