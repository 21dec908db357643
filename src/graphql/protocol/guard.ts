import type { GraphQLFormattedError } from 'graphql';
import type { RawData } from 'ws';
import { closeCodes, type Disconnect } from '../../plugins/websocket/close-codes.js';
import { closings, idInUse } from './closings.js';
import { type ClientMessage, type JsonObject, type OperationRequest, parseMessage, SUBPROTOCOL } from './messages.js';
import { type Operation, Operations } from './operations.js';

/** What the guard needs of a `WebSocket` of ws. Frames too large, too many or too slowly read are the socket's own to refuse. */
export interface GuardedSocket {
  readonly protocol: string;
  readonly readyState: number;
  on(event: 'message', listener: (data: RawData, isBinary: boolean) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  send(data: string, sent?: (error?: Error) => void): void;
  close(code: number, reason: string): void;
}

/** What stands behind the guard and sees only what the protocol allows at that moment. */
export interface GuardedServer {
  /** The first `connection_init`. Answered by `guard.acknowledge()` or `guard.close(…)`. */
  connect(payload: JsonObject): void;
  /** An operation with a free id, on an acknowledged connection. Answered by `guard.send` and an end. */
  subscribe(operation: Operation, request: OperationRequest): void;
  /** The last call, exactly once: the socket is closing or gone, and every operation has ended. */
  closed(): void;
  /** One of the calls above threw, and the socket is closed with 1011. */
  failed(error: unknown): void;
}

export interface GuardLimits {
  /** From the socket's opening to `connection_ack`, in milliseconds. */
  connectTimeoutMs: number;
  /** Active operations per socket. One more is answered with an `error` message; the socket lives. */
  maxOperations: number;
}

export const DEFAULT_LIMITS: Readonly<GuardLimits> = { connectTimeoutMs: 10_000, maxOperations: 1000 };

const SOCKET_OPEN = 1;

/** False, and the socket is closed with 4406, when it speaks another subprotocol or none. Nothing may be attached to it then. */
export function speaksSubprotocol(socket: Pick<GuardedSocket, 'protocol' | 'close'>): boolean {
  if (socket.protocol === SUBPROTOCOL) return true;
  socket.close(closings.wrongSubprotocol.code, closings.wrongSubprotocol.reason);
  return false;
}

/**
 * The server's side of graphql-transport-ws on one socket: which message is allowed when, and the close code of each that
 * is not. Knows no network and no GraphQL.
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
    this.connectTimer = setTimeout(() => this.close(closings.initTimeout), limits.connectTimeoutMs);
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.once('close', () => this.finish());
  }

  get isClosed(): boolean {
    return this.state === 'closed' || this.socket.readyState !== SOCKET_OPEN;
  }

  /** Answers `connection_init`, and lets operations in. */
  acknowledge(): void {
    if (this.state !== 'connecting') return;
    this.state = 'acknowledged';
    clearTimeout(this.connectTimer);
    this.send('{"type":"connection_ack"}');
  }

  /** Sends a message. After the end of the socket it goes nowhere, and `sent` is called all the same. */
  send(message: string, sent?: (error?: Error) => void): void {
    if (this.isClosed) sent?.();
    else this.socket.send(message, sent);
  }

  /** Ends an operation with an `error` message, unless it has ended. */
  fail(operation: Operation, errors: readonly GraphQLFormattedError[]): void {
    if (this.operations.end(operation)) this.sendErrors(operation.id, errors);
  }

  /** Ends every operation at once, then the socket. */
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
      if (message) this.handle(message);
      else this.close(closings.malformed);
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
    } else this.close(closings.repeatedInit);
  }

  private subscribe(id: string, request: OperationRequest): void {
    if (this.state !== 'acknowledged') this.close(closings.notAcknowledged);
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
