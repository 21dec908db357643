import { fileURLToPath } from 'node:url';
import { programFile } from './build.js';
import type { Target, TargetName } from './target.js';

/** No load here is an attack: what would refuse it is off. What bounds a slow reader stays on. */
const LIMITS_OFF = {
  LIMIT_REQUESTS_PER_ADDRESS: '0',
  LIMIT_REQUESTS_PER_USER: '0',
  LIMIT_REQUESTS_AT_ONCE: '0',
  LIMIT_EVENT_LOOP_DELAY_MS: '0',
  LIMIT_SOCKETS_PER_ADDRESS: '0',
  LIMIT_SOCKETS_PER_USER: '0',
  LIMIT_FRAMES_PER_SOCKET: '0',
  LIMIT_FRAMES_PER_USER: '0',
};

const service: Target = {
  name: 'service',
  title: 'this service',
  sockets: 'channel',
  http: 'graphql',
  ordered: true,
  program: fileURLToPath(new URL('../../../dist/server.js', import.meta.url)),
  nodeOptions: ['--enable-source-maps'],
  environment: { LOG_LEVEL: 'warn', ...LIMITS_OFF },
  persists: true,
};

const thin: Target = {
  name: 'thin',
  title: 'thin server',
  sockets: 'channel',
  http: 'plain',
  ordered: false,
  program: programFile('thin-server'),
  nodeOptions: [],
  environment: {},
  persists: true,
};

const socketIo: Target = {
  ...thin,
  name: 'socket.io',
  title: 'Socket.IO',
  sockets: 'socket.io',
  program: programFile('socket-io'),
};

const ceiling: Target = {
  ...thin,
  name: 'ceiling',
  title: 'ceiling',
  ordered: true,
  program: programFile('ceiling'),
  persists: false,
};

const mercurius: Target = {
  ...thin,
  name: 'mercurius',
  title: 'Mercurius by its manual',
  sockets: 'none',
  http: 'graphql',
  program: programFile('mercurius'),
};

export const targets: Record<TargetName, Target> = { service, thin, 'socket.io': socketIo, ceiling, mercurius };
