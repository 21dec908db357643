import { ConfigError } from '../config/config.js';

interface Address {
  host: string;
  port: number;
}

/** Errors of listening on an address, with what the operator can do. */
const LISTEN_ERRORS: Readonly<Record<string, (address: Address) => string>> = {
  EADDRINUSE: ({ host, port }) =>
    `Another program listens on port ${port} of ${host}. Stop it, or set PORT to another number.`,
  EACCES: ({ host, port }) => `This user may not listen on port ${port} of ${host}. Set PORT to a number above 1023.`,
  EADDRNOTAVAIL: ({ host }) => `${host} is no address of this machine. Set HOST to one that is, or to 0.0.0.0 for all.`,
  EAI_AGAIN: ({ host }) =>
    `The name ${host} could not be looked up for now. Set HOST to an IP address of this machine, or try again.`,
  ENOTFOUND: ({ host }) => `There is no host of the name ${host}. Set HOST to an address of this machine.`,
};

/** The time-out errors of avvio and of Fastify: for a plugin whose registration is awaited, and one whose is not. */
const PLUGIN_TIMEOUT = ['AVV_ERR_PLUGIN_EXEC_TIMEOUT', 'FST_ERR_PLUGIN_TIMEOUT'];
const TOO_SLOW =
  'The service could not start: the database or Redis did not answer for two minutes. ' +
  'Look whether both can be reached and have time, then start it again.';

/** The text that the operator reads when the start fails: a sentence for known errors, the stack for a bug. */
export function describeStartError(error: unknown, address: Address): string {
  if (error instanceof ConfigError) return error.problems.join('\n');
  if (!(error instanceof Error)) return `The service could not start: ${textOf(error)}`;
  if (!('code' in error)) return error.stack ?? error.message;
  if (PLUGIN_TIMEOUT.includes(String(error.code))) return TOO_SLOW;
  const isListening = 'syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo');
  const describe = isListening && typeof error.code === 'string' ? LISTEN_ERRORS[error.code] : undefined;
  return describe ? describe(address) : error.message;
}

/** The text of a thrown value that is not an Error: its message, or its members as JSON. */
function textOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return String(thrown);
  if ('message' in thrown && typeof thrown.message === 'string') return thrown.message;
  return JSON.stringify(thrown);
}
