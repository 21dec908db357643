import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Session, SessionListener } from '../../delivery/sessions.js';
import { clientError } from '../../domain/database.js';
import { DomainError, type DomainErrorCode } from '../../domain/errors.js';
import type { Viewer } from '../../domain/viewer.js';
import { BearerError, bearerToken } from '../../plugins/bearer.js';
import { tookTooLong } from '../../plugins/limits/deadline.js';
import { closeCodes } from '../../plugins/websocket/close-codes.js';
import { Deadlines, OPERATION_MS } from './deadlines.js';
import { type GuardedServer, type GuardedSocket, type GuardLimits, ProtocolGuard } from './guard.js';
import { MercuriusSocket } from './mercurius-socket.js';
import type { JsonObject, OperationRequest } from './messages.js';
import type { Operation } from './operations.js';

/** What a resolver may know of the socket that its operation came over. */
export interface SocketConnection {
  /** Who holds the connection's token, as of the last news. */
  readonly viewer: Viewer;
  /** Goes on under another token of the same user. @throws DomainError `UNAUTHENTICATED` or `FORBIDDEN`. */
  reauthenticate(token: string): Promise<void>;
  /** Calls when `viewer` is another: what is open has to be asked again. Returns what ends the calls. */
  onViewerChange(listener: () => void): () => void;
  /** The operation that the engine knows as `key`, unless it has ended. */
  operation(key: string): Operation | undefined;
}

/** The upgrade request, as far as it matters after the upgrade. */
export interface UpgradeRequest {
  id: string;
  authorization: string | undefined;
}

export interface ConnectionOptions {
  /** Who holds this access token. Undefined when it is not valid. */
  authenticate(token: string): Promise<Viewer | undefined>;
  openSession(viewer: Viewer, listener: SessionListener): Session;
  /** Why an operation may not run, by the rules that hold over HTTP; nothing when it may. Mercurius asks none of a socket's. */
  check(request: OperationRequest): readonly GraphQLError[];
  /** Errors as the client may read them, with their codes and without what concerns nobody outside. */
  format(errors: readonly GraphQLError[], request: UpgradeRequest): readonly GraphQLFormattedError[];
  /** Takes a place among the user's sockets. @throws DomainError `RATE_LIMITED` when they are all taken. */
  claim?(viewer: Viewer): void;
  onError(error: unknown, request: UpgradeRequest): void;
  limits: Readonly<GuardLimits>;
  /** See `OPERATION_MS`. */
  operationMs?: number;
}

/** One GraphQL socket: its token, its session, its operations, from the upgrade to its end. */
export class GraphqlConnection implements SocketConnection, GuardedServer {
  readonly engine: MercuriusSocket;
  private readonly guard: ProtocolGuard;
  private readonly deadlines: Deadlines;
  private readonly viewerListeners = new Set<() => void>();
  private session: Session | undefined;

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

  operation(key: string): Operation | undefined {
    return this.guard.operations.withKey(key);
  }

  /** Sends an execution result of an operation that is still active. Resolves when the socket has room for more. */
  sendNext({ id, key }: Operation, result: string): Promise<void> | undefined {
    if (!this.operation(key)) return undefined;
    let hasRoom = false;
    let onRoom = () => {
      hasRoom = true;
    };
    this.guard.send(`{"id":${JSON.stringify(id)},"type":"next","payload":${result}}`, () => onRoom());
    if (hasRoom) return undefined;
    return new Promise((resolve) => {
      onRoom = resolve;
    });
  }

  fail(operation: Operation, errors: readonly GraphQLError[]): void {
    this.guard.fail(operation, this.options.format(errors, this.request));
  }

  async reauthenticate(token: string): Promise<void> {
    const viewer = await this.options.authenticate(token);
    if (!viewer) throw new DomainError('UNAUTHENTICATED', 'This access token is not valid.', { field: 'token' });
    this.session?.renew(viewer);
    this.tellViewerChanged();
  }

  /** A subscription has begun, and has no deadline any more. */
  begun(operation: Operation): void {
    this.deadlines.stop(operation);
  }

  onViewerChange(listener: () => void): () => void {
    this.viewerListeners.add(listener);
    return () => this.viewerListeners.delete(listener);
  }

  connect(payload: JsonObject): void {
    this.open(payload).catch((error: unknown) => this.refuse(error));
  }

  subscribe(operation: Operation, request: OperationRequest): void {
    this.deadlines.start(operation);
    const errors = this.options.check(request);
    if (errors.length > 0) this.fail(operation, errors);
    else this.engine.deliverSubscribe(operation, request);
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
      ended: (reason) =>
        this.guard.close(reason === 'token_expired' ? closeCodes.tokenExpired : closeCodes.tokenRevoked),
      changed: () => this.tellViewerChanged(),
      expiring: (expiresAt) => this.guard.send(JSON.stringify({ type: 'ping', payload: { expiresAt } })),
    });
    this.engine.deliverInit();
  }

  private refuse(error: unknown): void {
    const code = clientError(error)?.code;
    if (error instanceof BearerError) this.guard.close(closeCodes.unauthenticated);
    else if (code === 'RATE_LIMITED') this.guard.close(closeCodes.tooManySockets);
    else this.giveUp(error, code);
  }

  private giveUp(error: unknown, code: DomainErrorCode | undefined): void {
    this.failed(error);
    this.guard.close(code === 'SERVICE_UNAVAILABLE' ? closeCodes.overloaded : closeCodes.internalError);
  }

  private tellViewerChanged(): void {
    for (const listener of [...this.viewerListeners]) listener();
  }
}

/** The value that a client gave in place of an `Authorization` header, with which browsers cannot open a socket. */
function authorizationOf({ authorization, Authorization }: JsonObject): string | undefined {
  const value = authorization ?? Authorization ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw BearerError.invalid();
  return value;
}
