import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GuardedServer, type GuardedSocket, ProtocolGuard } from '../../../src/graphql/protocol/guard.js';
import type { OperationRequest } from '../../../src/graphql/protocol/messages.js';
import type { Operation } from '../../../src/graphql/protocol/operations.js';

/** A socket without a network. */
class Wire extends EventEmitter implements GuardedSocket {
  readonly protocol = 'graphql-transport-ws';
  readyState = 1;
  readonly sent: unknown[] = [];
  closing: { code: number; reason: string } | undefined;

  send(data: string, sent?: () => void): void {
    this.sent.push(JSON.parse(data));
    sent?.();
  }

  close(code: number, reason: string): void {
    this.readyState = 2;
    this.closing = { code, reason };
  }

  receive(...messages: object[]): void {
    for (const message of messages) this.emit('message', Buffer.from(JSON.stringify(message)), false);
  }
}

class Server implements GuardedServer {
  readonly calls: string[] = [];
  readonly operations: Operation[] = [];
  onSubscribe: (operation: Operation, request: OperationRequest) => void = () => {};

  connect(): void {
    this.calls.push('connect');
  }

  subscribe(operation: Operation, request: OperationRequest): void {
    this.operations.push(operation);
    this.calls.push(`subscribe ${request.query}`);
    this.onSubscribe(operation, request);
  }

  closed(): void {
    this.calls.push('closed');
  }

  failed(error: unknown): void {
    this.calls.push(`failed ${error}`);
  }
}

const LIMITS = { connectTimeoutMs: 10_000, maxOperations: 2 };
const INIT = { type: 'connection_init' };

function subscribe(id: string) {
  return { type: 'subscribe', id, payload: { query: id } };
}

let wire: Wire;
let server: Server;
let guard: ProtocolGuard;

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  server = new Server();
  guard = new ProtocolGuard(wire, server, LIMITS);
});
afterEach(() => vi.useRealTimers());

function acknowledged(): void {
  wire.receive(INIT);
  guard.acknowledge();
}

describe('the time for connection_init', () => {
  it('is ten seconds to the millisecond', () => {
    vi.advanceTimersByTime(9999);
    expect(wire.closing).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(wire.closing).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  it('runs on until the connection is acknowledged, however long authentication takes', () => {
    wire.receive(INIT);
    vi.advanceTimersByTime(10_000);
    expect(wire.closing?.code).toBe(4408);
    guard.acknowledge();
    expect(wire.sent).toEqual([]);
  });

  it('ends with the acknowledgement, with a refusal, and with the socket, and leaves no timer', () => {
    acknowledged();
    expect(vi.getTimerCount()).toBe(0);
    const refused = new Wire();
    new ProtocolGuard(refused, new Server(), LIMITS);
    refused.receive(subscribe('1'));
    expect(refused.closing?.code).toBe(4401);
    const dropped = new Wire();
    new ProtocolGuard(dropped, new Server(), LIMITS);
    dropped.emit('close');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the end of a socket', () => {
  it('ends every operation, tells the server once, and lets nothing in or out any more', () => {
    acknowledged();
    wire.receive(subscribe('1'), subscribe('2'));
    guard.close({ code: 4403, reason: 'token_revoked' });
    wire.receive(subscribe('3'), INIT);
    wire.emit('close');
    guard.close({ code: 1011, reason: 'later' });
    guard.send('{"type":"pong"}');
    expect(server.operations.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(server.calls).toEqual(['connect', 'subscribe 1', 'subscribe 2', 'closed']);
    expect(wire.closing).toEqual({ code: 4403, reason: 'token_revoked' });
    expect(wire.sent).toEqual([{ type: 'connection_ack' }]);
    expect(guard.operations.size).toBe(0);
  });

  it('lets nothing in while another closes the socket', () => {
    acknowledged();
    wire.readyState = 2;
    wire.receive(subscribe('1'));
    expect(server.operations).toEqual([]);
  });

  it('by a fault behind the guard is 1011', () => {
    server.onSubscribe = () => {
      throw new Error('a fault');
    };
    acknowledged();
    wire.receive(subscribe('1'));
    expect(wire.closing).toEqual({ code: 1011, reason: 'internal_error' });
    expect(server.calls.slice(2)).toEqual(['failed Error: a fault', 'closed']);
  });

  it('calls back whoever still sends, so that nobody waits for ever', () => {
    const sent = vi.fn();
    wire.emit('close');
    guard.send('{}', sent);
    expect(sent).toHaveBeenCalledOnce();
  });
});

describe('operations', () => {
  it('have keys of their own, so that an id used again is another operation', () => {
    acknowledged();
    wire.receive(subscribe('a'), { type: 'complete', id: 'a' }, subscribe('a'));
    const [first, second] = server.operations;
    expect(first?.signal.aborted).toBe(true);
    expect(second?.signal.aborted).toBe(false);
    expect(first?.key).not.toBe(second?.key);
    if (first) guard.fail(first, [{ message: 'too late' }]);
    expect(wire.sent).toEqual([{ type: 'connection_ack' }]);
    expect(guard.operations.withId('a')).toBe(second);
  });

  it('over the limit are answered, and become possible when one ends', () => {
    acknowledged();
    wire.receive(subscribe('1'), subscribe('2'), subscribe('3'));
    expect(wire.sent.at(-1)).toMatchObject({
      id: '3',
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    wire.receive({ type: 'complete', id: '1' }, subscribe('3'));
    expect(server.calls.at(-1)).toBe('subscribe 3');
  });

  it('over the limit with an id in use close with 4409 all the same', () => {
    acknowledged();
    wire.receive(subscribe('1'), subscribe('2'), subscribe('2'));
    expect(wire.closing?.code).toBe(4409);
  });
});
