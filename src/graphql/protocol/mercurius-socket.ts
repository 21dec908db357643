import { EventEmitter } from 'node:events';
import { GraphQLError } from 'graphql';
import { closeCodes } from '../../plugins/websocket/close-codes.js';
import { closings } from './closings.js';
import type { ProtocolGuard } from './guard.js';
import { type JsonObject, type OperationRequest, SUBPROTOCOL } from './messages.js';
import type { Operation } from './operations.js';

// Mercurius writes `{"type":…,"id":…,"payload":…}` in this order. Reading no further keeps an event's cost independent of its size.
const FRAME_HEAD = /^\{"type":"(\w+)"(?:,"id":(?:"(\w+)"|null))?/;

/**
 * The socket that Mercurius gets in place of the real one. It carries in what the guard let through, under keys of ours, and
 * takes out what belongs to operations that are still active. Mercurius keeps the execution; the protocol is the guard's.
 */
export class MercuriusSocket extends EventEmitter {
  readonly protocol = SUBPROTOCOL;

  constructor(
    private readonly guard: ProtocolGuard,
    private readonly onError: (operation: Operation, error: GraphQLError) => void,
  ) {
    super();
  }

  /** As in ws: 1 open, 2 closing. Mercurius keeps no stream that it opened for a socket which is not open any more. */
  get readyState(): number {
    return this.guard.isClosed ? 2 : 1;
  }

  /** Without the client's payload: Mercurius would copy it into the upgrade request's headers. */
  deliverInit(): void {
    this.deliver({ type: 'connection_init' });
  }

  deliverSubscribe({ key }: Operation, { query, operationName, variables }: OperationRequest): void {
    this.deliver({ type: 'subscribe', id: key, payload: { query, operationName, variables } });
  }

  /** What Mercurius sends. `sent` is called when it may send more. */
  send(frame: string, sent: () => void): void {
    const [head, type, key] = FRAME_HEAD.exec(frame) ?? [];
    if (head === undefined) throw new Error('Mercurius sent a frame that this version cannot read.');
    const operation = key === undefined ? undefined : this.guard.operations.withKey(key);
    if (type === 'next' && operation) {
      this.guard.send(`{"id":${JSON.stringify(operation.id)},"type":"next"${frame.slice(head.length)}`, sent);
      return;
    }
    if (type === 'complete' && operation) this.complete(operation);
    else if (type === 'connection_ack') this.guard.acknowledge();
    else if (type === 'error') this.fail(key, frame);
    sent();
  }

  /** Mercurius closes when it does not know what else to do. */
  close(): void {
    this.guard.close(closeCodes.internalError);
  }

  private complete(operation: Operation): void {
    this.guard.operations.end(operation);
    this.guard.send(JSON.stringify({ id: operation.id, type: 'complete' }));
  }

  private fail(key: string | undefined, frame: string): void {
    if (key === undefined) {
      // It names no operation when its parser, stricter than ours, refuses a frame: an object with a key `__proto__`.
      this.guard.close(closings.malformed);
      return;
    }
    // It forgets what it holds for an operation at the end of its stream or when told to, and an error is neither.
    this.deliver({ type: 'complete', id: key });
    const operation = this.guard.operations.withKey(key);
    // While the socket closes nothing runs any more, and nobody has to know.
    if (this.guard.isClosed) return;
    // Its text may say what concerns nobody outside, so it goes the way of every error.
    if (operation) this.onError(operation, new GraphQLError('', { originalError: new Error(`Mercurius: ${frame}`) }));
  }

  private deliver(message: JsonObject): void {
    this.emit('message', JSON.stringify(message), false);
  }
}
