// Loaded into every Node process of the command that registry-only.mjs watches, for those that pass its proxy by: notes which
// hosts they connect to.
const { appendFileSync } = require('node:fs');
const net = require('node:net');

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  // Node hands over [options, callback] as one array, others as they call it.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const { host, port } = typeof first === 'object' && first !== null ? first : { port: first, host: second };
  if (port !== undefined) appendFileSync(process.env.CONNECTIONS_FILE, `${host ?? 'localhost'}:${port}\n`);
  return connect.apply(this, args);
};
