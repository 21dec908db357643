import type { GraphQLFormattedError } from 'graphql';
import type { RawData } from 'ws';
import { closeCodes, type Disconnect } from '../../plugins/websocket/close-codes.js';
import { GRAPHQL_PROTOCOL } from '../../plugins/websocket/subprotocols.js';
import { idInUse, protocolCloseCodes } from './close-codes.js';
import { type ClientMessage, type JsonObject, type OperationRequest, parseMessage } from './messages.js';
import { type Operation, Operations } from './operations.js';

/** The part of a `ws` WebSocket that the guard uses. The socket itself limits frame size, frame rate and slow readers. */
export interface GuardedSocket {
  readonly protocol: string;
  readonly readyState: number;
  /** False while too much is unsent: stop sending. */
  readonly hasRoom?: boolean;
  on(event: 'message', listener: (data: RawData, isBinary: boolean) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  send(data: string, sent?: (error?: Error) => void): void;
  close(code: number, reason: string): void;
}

/** The server behind the guard. It receives only messages that the protocol allows in the current state. */
export interface GuardedServer {
  /** A message came, of whatever kind. */
  received?(): void;
  /** The first `connection_init`. Answer with `guard.acknowledge()` or `guard.close(…)`. */
  connect(payload: JsonObject): void;
  /** An operation with an unused id, on an acknowledged connection. Answer with `guard.send`, then end the operation. */
  subscribe(operation: Operation, request: OperationRequest): void;
  /** The last call, made exactly once: the socket is closing or closed, and every operation has ended. */
  closed(): void;
  /** One of the calls above threw; the socket is then closed with 1011. */
  failed(error: unknown): void;
}

export interface GuardLimits {
  /** From the socket's opening to `connection_ack`, in milliseconds. */
  connectTimeoutMs: number;
  /** Active operations per socket. One more is answered with an `error` message; the socket stays open. */
  maxOperations: number;
}

export const DEFAULT_LIMITS: Readonly<GuardLimits> = { connectTimeoutMs: 10_000, maxOperations: 200 };

const SOCKET_OPEN = 1;

/** Closes a socket with another subprotocol, or none, with 4406 and returns false; do not use the socket then. */
export function requireSubprotocol(socket: Pick<GuardedSocket, 'protocol' | 'close'>): boolean {
  if (socket.protocol === GRAPHQL_PROTOCOL) return true;
  socket.close(protocolCloseCodes.wrongSubprotocol.code, protocolCloseCodes.wrongSubprotocol.reason);
  return false;
}

/**
 * The protocol state machine of graphql-transport-ws for one socket: it accepts the messages that are allowed in each state and
 * closes the socket with the protocol's code on any other. Independent of the network and of GraphQL.
 * https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md
 */
export class ProtocolGuard {
  readonly operations = new Operations();
  private state: 'opened' | 'connecting' | 'acknowledged' | 'closed' = 'opened';
  private readonly connectTimer: NodeJS.Timeout;

  constructor(
    private readonly socket: GuardedSocket,
    private readonly server: GuardedServer,
    private readonly limits: Readonly<GuardLimits> = DEFAULT_LIMITS,
  ) {
    this.connectTimer = setTimeout(() => this.close(protocolCloseCodes.initTimeout), limits.connectTimeoutMs);
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.once('close', () => this.finish());
  }

  get isClosed(): boolean {
    return this.state === 'closed' || this.socket.readyState !== SOCKET_OPEN;
  }

  get hasRoom(): boolean {
    return this.socket.hasRoom ?? true;
  }

  /** Answers `connection_init` with `connection_ack`, and accepts operations from now on. */
  acknowledge(): void {
    if (this.state !== 'connecting') return;
    this.state = 'acknowledged';
    clearTimeout(this.connectTimer);
    this.send('{"type":"connection_ack"}');
  }

  /** Sends a message. On a closed socket it is dropped, and `sent` is still called. */
  send(message: string, sent?: (error?: Error) => void): void {
    if (this.isClosed) sent?.();
    else this.socket.send(message, sent);
  }

  /** Ends an operation with an `error` message, unless it has ended already. */
  fail(operation: Operation, errors: readonly GraphQLFormattedError[]): void {
    if (this.operations.end(operation)) this.sendErrors(operation.id, errors);
  }

  /** Ends every operation, then closes the socket. */
  close({ code, reason }: Disconnect): void {
    if (this.state === 'closed') return;
    this.finish();
    this.socket.close(code, reason);
  }

  private finish(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.connectTimer);
    this.operations.endAll();
    this.server.closed();
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.isClosed) return;
    const message = isBinary ? undefined : parseMessage(data.toString());
    try {
      this.server.received?.();
      if (message) this.handle(message);
      else this.close(protocolCloseCodes.malformed);
    } catch (error) {
      this.server.failed(error);
      this.close(closeCodes.internalError);
    }
  }

  private handle(message: ClientMessage): void {
    if (message.type === 'connection_init') this.connect(message.payload ?? {});
    else if (message.type === 'ping') this.send(JSON.stringify({ type: 'pong', payload: message.payload }));
    else if (message.type === 'subscribe') this.subscribe(message.id, message.payload);
    else if (message.type === 'complete') this.complete(message.id);
  }

  private connect(payload: JsonObject): void {
    if (this.state === 'opened') {
      this.state = 'connecting';
      this.server.connect(payload);
    } else this.close(protocolCloseCodes.repeatedInit);
  }

  private subscribe(id: string, request: OperationRequest): void {
    if (this.state !== 'acknowledged') this.close(protocolCloseCodes.notAcknowledged);
    else if (this.operations.withId(id)) this.close(idInUse(id));
    else if (this.operations.size >= this.limits.maxOperations) this.sendErrors(id, [tooMany(this.limits)]);
    else this.server.subscribe(this.operations.start(id), request);
  }

  private complete(id: string): void {
    const operation = this.operations.withId(id);
    if (operation) this.operations.end(operation);
  }

  private sendErrors(id: string, errors: readonly GraphQLFormattedError[]): void {
    this.send(JSON.stringify({ id, type: 'error', payload: errors }));
  }
}

function tooMany({ maxOperations }: GuardLimits): GraphQLFormattedError {
  const message = `This connection has ${maxOperations} active operations, and may not have more.`;
  return { message, extensions: { code: 'RATE_LIMITED' } };
}
