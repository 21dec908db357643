import { EventEmitter } from 'node:events';
import { GraphQLError } from 'graphql';
import { closeCodes } from '../../plugins/websocket/close-codes.js';
import { GRAPHQL_PROTOCOL } from '../../plugins/websocket/subprotocols.js';
import { protocolCloseCodes } from './close-codes.js';
import type { ProtocolGuard } from './guard.js';
import type { JsonObject, OperationRequest } from './messages.js';
import type { Operation } from './operations.js';

// Mercurius writes `{"type":…,"id":…,"payload":…}` in this order. Parsing only the head keeps the cost independent of the size.
const FRAME_HEAD = /^\{"type":"(\w+)"(?:,"id":(?:"(\w+)"|null))?/;

/**
 * The socket that Mercurius gets in place of the real one. Mercurius only executes operations; the guard implements the
 * protocol. Inbound, it delivers the messages that the guard accepted, with keys in place of the client's ids. Outbound, it
 * passes on messages of active operations only.
 */
export class MercuriusSocket extends EventEmitter {
  readonly protocol = GRAPHQL_PROTOCOL;

  constructor(
    private readonly guard: ProtocolGuard,
    private readonly onError: (operation: Operation, error: GraphQLError) => void,
  ) {
    super();
  }

  /** As in ws: 1 open, 2 closing. Mercurius drops a stream that it opened for a socket which is no longer open. */
  get readyState(): number {
    return this.guard.isClosed ? 2 : 1;
  }

  /** Omits the client's payload, which Mercurius would copy into the upgrade request's headers. */
  deliverInit(): void {
    this.deliver({ type: 'connection_init' });
  }

  deliverSubscribe({ key }: Operation, { query, operationName, variables }: OperationRequest): void {
    this.deliver({ type: 'subscribe', id: key, payload: { query, operationName, variables } });
  }

  /** Called by Mercurius. `sent` is called when it may send more. */
  send(frame: string, sent: () => void): void {
    const [head, type, key] = FRAME_HEAD.exec(frame) ?? [];
    if (head === undefined) throw new Error('Mercurius sent a frame that this version cannot read.');
    const operation = key === undefined ? undefined : this.guard.operations.withKey(key);
    if (type === 'next' && operation) {
      this.guard.send(`{"id":${operation.encodedId},"type":"next"${frame.slice(head.length)}`, sent);
      return;
    }
    if (type === 'complete' && operation) this.complete(operation);
    else if (type === 'connection_ack') this.guard.acknowledge();
    else if (type === 'error') this.fail(key, frame);
    sent();
  }

  /** Called by Mercurius on errors that it cannot handle. */
  close(): void {
    this.guard.close(closeCodes.internalError);
  }

  private complete(operation: Operation): void {
    this.guard.operations.end(operation);
    this.guard.send(JSON.stringify({ id: operation.id, type: 'complete' }));
  }

  private fail(key: string | undefined, frame: string): void {
    if (key === undefined) {
      // Mercurius names no operation when its parser, stricter than ours, refuses a frame: one with a key `__proto__`.
      this.guard.close(protocolCloseCodes.malformed);
      return;
    }
    // Mercurius releases an operation at the end of its stream or on `complete`, but not on an error.
    this.deliver({ type: 'complete', id: key });
    const operation = this.guard.operations.withKey(key);
    // On a closing socket every operation has ended.
    if (this.guard.isClosed) return;
    // The text may hold internal details, so it is formatted like every error.
    if (operation) this.onError(operation, new GraphQLError('', { originalError: new Error(`Mercurius: ${frame}`) }));
  }

  private deliver(message: JsonObject): void {
    this.emit('message', JSON.stringify(message), false);
  }
}
