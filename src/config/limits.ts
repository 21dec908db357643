/** Limits of one process. `Infinity` where a limit is switched off. */
export interface Limits {
  /** HTTP requests a second, upgrades included. */
  readonly requestsPerAddress: number;
  readonly requestsPerUser: number;
  /** HTTP requests of all clients that run at the same time. */
  readonly requestsAtOnce: number;
  /** Event loop delay above which requests are refused once it lasts for two seconds, in milliseconds. */
  readonly eventLoopDelayMs: number;
  /** How long a request's headers may take to arrive, in milliseconds. */
  readonly headersMs: number;
  /** How long a whole request may take to arrive, in milliseconds. */
  readonly requestMs: number;
  /** How long one request, or one operation over a socket, may run, in milliseconds. */
  readonly operationMs: number;
  readonly bodyBytes: number;
  readonly socketsPerAddress: number;
  readonly socketsPerUser: number;
  /** Sustained frames a second; ten times as many may arrive at once after a pause. */
  readonly framesPerSocket: number;
  readonly framesPerUser: number;
  readonly frameBytes: number;
  readonly operationsPerSocket: number;
  /** Large GraphQL operations of one user that run at the same time; more of them queue. */
  readonly largeOperationsPerUser: number;
  /** Fields that one event may cost for all subscriptions of one user together, each counted as at least 10. */
  readonly subscriptionFieldsPerUser: number;
  /** Messages a second that one bot sends. */
  readonly botSendsPerSecond: number;
}

const count = { type: 'string', format: 'limit', description: 'a whole number, 0 (no limit) to 999999999' };
const seconds = { type: 'string', format: 'limitSeconds', description: 'whole seconds, 0 (no limit) to 3600' };
const bytes = { type: 'string', format: 'limitBytes', description: 'a number of bytes, 1024 to 16777216' };

/**
 * The defaults are generous: a backend may send the requests of all its users from one address. docs/configuration.md has values
 * for the open internet.
 */
export const limitSchemas = {
  LIMIT_REQUESTS_PER_ADDRESS: { ...count, default: '10000' },
  LIMIT_REQUESTS_PER_USER: { ...count, default: '10000' },
  LIMIT_REQUESTS_AT_ONCE: { ...count, default: '2000' },
  LIMIT_EVENT_LOOP_DELAY_MS: { ...count, default: '500' },
  LIMIT_HEADERS_SECONDS: { ...seconds, default: '10' },
  LIMIT_REQUEST_SECONDS: { ...seconds, default: '30' },
  LIMIT_OPERATION_SECONDS: { ...seconds, default: '10' },
  LIMIT_BODY_BYTES: { ...bytes, default: '262144' },
  LIMIT_SOCKETS_PER_ADDRESS: { ...count, default: '20000' },
  LIMIT_SOCKETS_PER_USER: { ...count, default: '1000' },
  LIMIT_FRAMES_PER_SOCKET: { ...count, default: '100' },
  LIMIT_FRAMES_PER_USER: { ...count, default: '10000' },
  LIMIT_FRAME_BYTES: { ...bytes, default: '65536' },
  LIMIT_OPERATIONS_PER_SOCKET: { ...count, default: '200' },
  LIMIT_LARGE_OPERATIONS_PER_USER: { ...count, default: '4' },
  LIMIT_SUBSCRIPTION_FIELDS_PER_USER: { ...count, default: '10000' },
  LIMIT_BOT_SENDS: { ...count, default: '50' },
};

export type LimitVariables = Record<keyof typeof limitSchemas, string>;

export function toLimits(variables: LimitVariables): Limits {
  return Object.freeze({
    requestsPerAddress: limit(variables.LIMIT_REQUESTS_PER_ADDRESS),
    requestsPerUser: limit(variables.LIMIT_REQUESTS_PER_USER),
    requestsAtOnce: limit(variables.LIMIT_REQUESTS_AT_ONCE),
    eventLoopDelayMs: limit(variables.LIMIT_EVENT_LOOP_DELAY_MS),
    headersMs: limit(variables.LIMIT_HEADERS_SECONDS) * 1000,
    requestMs: limit(variables.LIMIT_REQUEST_SECONDS) * 1000,
    operationMs: limit(variables.LIMIT_OPERATION_SECONDS) * 1000,
    bodyBytes: Number(variables.LIMIT_BODY_BYTES),
    socketsPerAddress: limit(variables.LIMIT_SOCKETS_PER_ADDRESS),
    socketsPerUser: limit(variables.LIMIT_SOCKETS_PER_USER),
    framesPerSocket: limit(variables.LIMIT_FRAMES_PER_SOCKET),
    framesPerUser: limit(variables.LIMIT_FRAMES_PER_USER),
    frameBytes: Number(variables.LIMIT_FRAME_BYTES),
    operationsPerSocket: limit(variables.LIMIT_OPERATIONS_PER_SOCKET),
    largeOperationsPerUser: limit(variables.LIMIT_LARGE_OPERATIONS_PER_USER),
    subscriptionFieldsPerUser: limit(variables.LIMIT_SUBSCRIPTION_FIELDS_PER_USER),
    botSendsPerSecond: limit(variables.LIMIT_BOT_SENDS),
  });
}

function limit(text: string): number {
  return Number(text) || Number.POSITIVE_INFINITY;
}
