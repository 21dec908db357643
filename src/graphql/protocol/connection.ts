import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Session, SessionListener } from '../../delivery/session.js';
import { clientError } from '../../domain/database.js';
import { DomainError, type DomainErrorCode, tooManyRenewals } from '../../domain/errors.js';
import type { Slot } from '../../domain/queues/fair-slots.js';
import type { Viewer } from '../../domain/viewer.js';
import { BearerError, bearerToken } from '../../plugins/bearer.js';
import { tookTooLong } from '../../plugins/limits/deadline.js';
import { closeCodes } from '../../plugins/websocket/close-codes.js';
import { Deadlines, OPERATION_MS } from './deadlines.js';
import { type GuardedServer, type GuardedSocket, type GuardLimits, ProtocolGuard } from './guard.js';
import { MercuriusSocket } from './mercurius-socket.js';
import type { JsonObject, OperationRequest } from './messages.js';
import type { Operation } from './operations.js';

/** The part of a socket's connection that resolvers may use. */
export interface SocketConnection {
  /** The holder of the connection's token, with the latest known role. */
  readonly viewer: Viewer;
  /** False while too much is unsent, because the client does not read. */
  readonly hasRoom: boolean;
  /**
   * Replaces the connection's token by another one of the same user.
   * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN`, or `RATE_LIMITED` when two tokens are being checked already
   */
  reauthenticate(token: string): Promise<void>;
  /** Calls `listener` when `viewer` changes: open subscriptions have to check their rights again. Returns the unsubscribe function. */
  onViewerChange(listener: () => void): () => void;
  /** The active operation with this key (`Operation.key`). */
  operation(key: string): Operation | undefined;
}

/** The parts of the upgrade request that are kept after the upgrade. */
export interface UpgradeRequest {
  id: string;
  /** Where it came from, as limits count it. */
  network: string;
  authorization: string | undefined;
  /** The address that the client used: `http://127.0.0.1:8000`. */
  origin?: string;
}

export interface ConnectionOptions {
  /** The holder of an access token. Undefined when the token is not valid. */
  authenticate(token: string): Promise<Viewer | undefined>;
  openSession(viewer: Viewer, listener: SessionListener): Session;
  /**
   * Resolves when `admit` may parse an operation's document; undefined when it may at once. Turns of one viewer come in the order
   * of the calls.
   * @throws DomainError `RATE_LIMITED` when too many of the viewer's operations wait
   */
  turnToRead?(request: OperationRequest, viewer: Viewer): Promise<void> | undefined;
  /**
   * Checks an operation by the rules that apply over HTTP; Mercurius checks none on sockets. Returns the errors of one that may
   * not run, the slot that a large one holds until it ends, or undefined for a small one.
   * @throws DomainError `RATE_LIMITED` when the viewer has too many running
   */
  admit(request: OperationRequest, viewer: Viewer): readonly GraphQLError[] | Slot | undefined;
  /** Formats errors for the client: with codes, without internal details. */
  format(errors: readonly GraphQLError[], request: UpgradeRequest): readonly GraphQLFormattedError[];
  /** Counts the socket for its user. @throws DomainError `RATE_LIMITED` when the user has too many. */
  claim?(viewer: Viewer): void;
  onError(error: unknown, request: UpgradeRequest): void;
  limits: Readonly<GuardLimits>;
  /** See `OPERATION_MS`. */
  operationMs?: number;
}

/** New tokens of one socket that are checked at a time, as on the raw channel. Each makes all open subscriptions check their rights. */
const MAX_RENEWALS = 2;

/** A GraphQL socket from the upgrade to its end: its token, session and operations. */
export class GraphqlConnection implements SocketConnection, GuardedServer {
  readonly engine: MercuriusSocket;
  private readonly guard: ProtocolGuard;
  private readonly deadlines: Deadlines;
  private readonly viewerListeners = new Set<() => void>();
  private session: Session | undefined;
  /** Tokens that are being checked. */
  private renewals = 0;
  /** The last turn that an operation waits for. Later operations wait for it too, to keep their order. */
  private turn: Promise<void> | undefined;

  constructor(
    socket: GuardedSocket,
    readonly request: Readonly<UpgradeRequest>,
    private readonly options: ConnectionOptions,
  ) {
    this.guard = new ProtocolGuard(socket, this, options.limits);
    this.deadlines = new Deadlines(options.operationMs ?? OPERATION_MS, (operation) =>
      this.fail(operation, [new GraphQLError('', { originalError: tookTooLong() })]),
    );
    this.engine = new MercuriusSocket(this.guard, (operation, error) => this.fail(operation, [error]));
  }

  get viewer(): Viewer {
    if (!this.session) throw new Error('The connection is not authenticated yet.');
    return this.session.viewer;
  }

  get isClosed(): boolean {
    return this.guard.isClosed;
  }

  get hasRoom(): boolean {
    return this.guard.hasRoom;
  }

  operation(key: string): Operation | undefined {
    return this.guard.operations.withKey(key);
  }

  /** Sends an execution result, if its operation is still active. Resolves when the socket has room; undefined when it has now. */
  sendNext({ encodedId, key }: Operation, result: string): Promise<void> | undefined {
    if (!this.operation(key)) return undefined;
    let hasRoom = false;
    let onRoom = () => {
      hasRoom = true;
    };
    this.guard.send(`{"id":${encodedId},"type":"next","payload":${result}}`, () => onRoom());
    if (hasRoom) return undefined;
    return new Promise((resolve) => {
      onRoom = resolve;
    });
  }

  fail(operation: Operation, errors: readonly GraphQLError[]): void {
    this.guard.fail(operation, this.options.format(errors, this.request));
  }

  async reauthenticate(token: string): Promise<void> {
    if (this.renewals >= MAX_RENEWALS) throw tooManyRenewals();
    this.renewals += 1;
    const viewer = await this.options.authenticate(token).finally(() => {
      this.renewals -= 1;
    });
    if (!viewer) throw new DomainError('UNAUTHENTICATED', 'This access token is not valid.', { field: 'token' });
    this.session?.renew(viewer);
    this.notifyViewerListeners();
  }

  /** Ends the deadline of a subscription that has been set up. */
  subscriptionStarted(operation: Operation): void {
    this.deadlines.stop(operation);
  }

  onViewerChange(listener: () => void): () => void {
    this.viewerListeners.add(listener);
    return () => this.viewerListeners.delete(listener);
  }

  received(): void {
    this.session?.active();
  }

  connect(payload: JsonObject): void {
    this.open(payload).catch((error: unknown) => this.refuse(error));
  }

  subscribe(operation: Operation, request: OperationRequest): void {
    this.deadlines.start(operation);
    this.unlessRefused(operation, () => {
      this.turn = this.options.turnToRead?.(request, this.viewer) ?? this.turn;
      this.whenReady(this.turn, operation, () => this.admit(operation, request));
    });
  }

  private admit(operation: Operation, request: OperationRequest): void {
    this.unlessRefused(operation, () => {
      const admitted = this.options.admit(request, this.viewer);
      if (admitted === undefined) this.engine.deliverSubscribe(operation, request);
      else if ('release' in admitted) this.hold(admitted, operation, request);
      else this.fail(operation, admitted);
    });
  }

  private hold({ granted, release }: Slot, operation: Operation, request: OperationRequest): void {
    operation.signal.addEventListener('abort', release, { once: true });
    this.whenReady(granted, operation, () => this.engine.deliverSubscribe(operation, request));
  }

  /** Runs `run`. A DomainError that it throws ends the operation only, not the socket. */
  private unlessRefused(operation: Operation, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.fail(operation, [new GraphQLError('', { originalError: error })]);
    }
  }

  /** Continues an operation at once, or when `ready` resolves if it is still active then. */
  private whenReady(ready: Promise<void> | undefined, operation: Operation, run: () => void): void {
    const proceed = () => {
      if (this.turn === ready) this.turn = undefined;
      if (this.operation(operation.key)) run();
    };
    if (!ready) proceed();
    else
      ready.then(proceed).catch((error: unknown) => {
        this.failed(error);
        this.guard.close(closeCodes.internalError);
      });
  }

  closed(): void {
    this.session?.close();
    this.viewerListeners.clear();
    this.engine.emit('close');
  }

  failed(error: unknown): void {
    this.options.onError(error, this.request);
  }

  private async open(payload: JsonObject): Promise<void> {
    const token = bearerToken(authorizationOf(payload) ?? this.request.authorization);
    const viewer = token === null ? undefined : await this.options.authenticate(token);
    if (!viewer) throw BearerError.invalid();
    if (this.isClosed) return;
    this.options.claim?.(viewer);
    this.session = this.options.openSession(viewer, {
      sessionEnded: (reason) =>
        this.guard.close(reason === 'token_expired' ? closeCodes.tokenExpired : closeCodes.tokenRevoked),
      viewerChanged: () => this.notifyViewerListeners(),
      tokenExpiring: (expiresAt) => this.guard.send(JSON.stringify({ type: 'ping', payload: { expiresAt } })),
    });
    this.engine.deliverInit();
  }

  private refuse(error: unknown): void {
    const code = clientError(error)?.code;
    if (error instanceof BearerError) this.guard.close(closeCodes.unauthenticated);
    else if (code === 'RATE_LIMITED') this.guard.close(closeCodes.tooManySockets);
    else this.closeFailed(error, code);
  }

  private closeFailed(error: unknown, code: DomainErrorCode | undefined): void {
    this.failed(error);
    this.guard.close(code === 'SERVICE_UNAVAILABLE' ? closeCodes.overloaded : closeCodes.internalError);
  }

  private notifyViewerListeners(): void {
    for (const listener of [...this.viewerListeners]) listener();
  }
}

/** The `authorization` of `connection_init`: browsers cannot set headers on a WebSocket. */
function authorizationOf({ authorization, Authorization }: JsonObject): string | undefined {
  const value = authorization ?? Authorization ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw BearerError.invalid();
  return value;
}
