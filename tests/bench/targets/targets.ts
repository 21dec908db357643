import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programFile } from './build.js';
import type { Target, TargetName } from './target.js';

const project = fileURLToPath(new URL('../../../', import.meta.url));

const service: Target = {
  name: 'service',
  title: 'this service',
  sockets: 'channel',
  http: 'graphql',
  ordered: true,
  program: join(project, 'dist/server.js'),
  project,
  nodeOptions: ['--enable-source-maps'],
  // Its limits are those of anybody who sets none; a scenario may raise the numbers of some (`Scenario.raisedLimits`).
  environment: { LOG_LEVEL: 'warn' },
  persists: 'numbered',
};

/** What `--against` names: its project is known when it is built (`measureBefore`). */
const before: Target = { ...service, name: 'before', title: 'the build before' };

const thin: Target = {
  name: 'thin',
  title: 'thin server',
  sockets: 'channel',
  http: 'plain',
  ordered: false,
  program: programFile('thin-server'),
  nodeOptions: [],
  environment: {},
  persists: 'numbered',
};

/** What people write: messages have an id and a time, and no number. */
const plain: Target = {
  ...thin,
  name: 'plain',
  title: 'thin server without numbers',
  environment: { MESSAGES: 'unnumbered' },
  persists: 'unnumbered',
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
  persists: 'nowhere',
};

const mercurius: Target = {
  ...thin,
  name: 'mercurius',
  title: 'Mercurius by its manual',
  sockets: 'none',
  http: 'graphql',
  program: programFile('mercurius'),
};

export const targets: Record<TargetName, Target> = {
  service,
  before,
  plain,
  thin,
  'socket.io': socketIo,
  ceiling,
  mercurius,
};

/** Makes the build in this folder the one before. */
export function measureBefore(folder: string): void {
  Object.assign(before, { project: folder, program: join(folder, 'dist/server.js') });
}
