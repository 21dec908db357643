import { backoffMs, pause } from './backoff.js';
import { type AfterClose, afterClose, closeError } from './close-codes.js';
import { asChatError, ChatError, closedError } from './errors.js';
import { isObject, type JsonObject } from './json.js';
import { Requests } from './requests.js';
import { Store } from './store.js';
import type { Tokens } from './tokens.js';
import type { Stream, StreamHandlers, StreamRequest, Transport } from './transport.js';

export type ConnectionStatus =
  /** Nothing was asked for yet, or the client is closed. */
  | { readonly state: 'idle' }
  | { readonly state: 'connecting' }
  /** Everything that was missed has come. */
  | { readonly state: 'live' }
  /** Cut off. The next attempt is at `retryAt`, by `Date.now()`. */
  | { readonly state: 'waiting'; readonly retryAt: number; readonly error: ChatError }
  /** It takes somebody to do something, like signing in; then call `chat.connect()`. */
  | { readonly state: 'stopped'; readonly error: ChatError };

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly tokens: Tokens;
  readonly request: Omit<StreamRequest, 'token' | 'after' | 'signals'>;
  /** The chats whose signals are wanted now, at most 20. */
  readonly signals: () => readonly string[];
  /** Asks the service over HTTP whether the token is good: a browser does not say why a socket was refused. */
  readonly diagnose: () => Promise<unknown>;
  readonly random: () => number;
}

export interface ConnectionListener {
  /** A frame, in the order in which they came. */
  frame(frame: JsonObject): void;
  /**
   * The stream begins here and does not go on from before.
   * @param isReset the service has another history than before
   */
  began(isReset: boolean): void;
}

/** How a stream ended. */
interface End {
  after: AfterClose;
  error: ChatError;
}

/** How long the service has to answer a ping, in milliseconds. */
const GRACE_MS = 10_000;
/** The heartbeat of a connection that is being opened. */
const OPENING_SECONDS = 10;

/** The one stream of all chats: opens it, keeps it open, and resumes it behind the last frame that was handled. */
export class Connection {
  readonly status = new Store<ConnectionStatus>({ state: 'idle' });
  readonly requests = new Requests((frame) => this.stream?.send?.(frame));
  private readonly listeners = new Set<ConnectionListener>();
  private stream: Stream | undefined;
  /** Behind the last frame that was handled. */
  private position: string | undefined;
  private user: string | undefined;
  private session: Session | undefined;
  private signals: readonly string[] = [];
  private failures = 0;
  private isRunning = false;
  private readonly closing = new AbortController();
  /** Ends the pause before the next attempt. */
  private retryNow = new AbortController();
  private tried: () => void = () => {};
  private readonly firstTry = new Promise<void>((resolve) => {
    this.tried = resolve;
  });

  constructor(private readonly options: ConnectionOptions) {}

  /** The id of the user, from the first `hello` on. */
  get userId(): string | undefined {
    return this.user;
  }

  /** Whether the stream has begun, and has been gone on with since. */
  get hasBegun(): boolean {
    return this.position !== undefined;
  }

  /** Resolves when the stream has begun, or could not be opened at the first attempt: what is read then misses nothing, or is read again. */
  begun(): Promise<void> {
    return this.firstTry;
  }

  send(frame: object): void {
    this.stream?.send?.(frame);
  }

  /** The signals of other chats are wanted than before, perhaps. */
  signalsChanged(): void {
    const chats = this.options.signals();
    if (!this.stream || chats.join() === this.signals.join()) return;
    this.signals = chats;
    if (this.stream.send) this.send({ type: 'signals', chats });
    // What cannot be said is asked for by another stream.
    else this.session?.end({ error: closeError(1012, 'signals'), after: { do: 'resume at once' } });
  }

  /** Whether frames can be sent. */
  get canSend(): boolean {
    return this.stream?.send !== undefined && this.status.get().state === 'live';
  }

  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Connects, now if it waits for its next attempt, and again if it has stopped. */
  start(): void {
    this.retryNow.abort();
    if (this.isRunning || this.closing.signal.aborted) return;
    this.isRunning = true;
    void this.run();
  }

  /** Connects if it has not been asked to before. */
  startOnce(): void {
    if (this.status.get().state === 'idle') this.start();
  }

  close(): void {
    this.closing.abort();
    this.retryNow.abort();
    this.session?.end({ error: closedError(), after: { do: 'resume at once' } });
    this.tried();
    this.status.set({ state: 'idle' });
    this.status.end();
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      this.status.set({ state: 'connecting' });
      const { after, error } = await this.once();
      this.tried();
      if (signal.aborted) break;
      if (after.do === 'stop') {
        // Whoever hears it may start again.
        this.isRunning = false;
        return this.status.set({ state: 'stopped', error });
      }
      await this.wait(after, error);
    }
    this.isRunning = false;
  }

  private async wait(after: AfterClose, error: ChatError): Promise<void> {
    const isFirst = this.failures === 0;
    this.failures = Math.max(this.failures, after.do === 'resume' ? (after.failures ?? 0) : 0) + 1;
    if (isFirst && after.do !== 'resume') return;
    const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(this.failures - 1, this.options.random));
    this.retryNow = new AbortController();
    this.status.set({ state: 'waiting', retryAt: Date.now() + ms, error });
    await pause(ms, this.retryNow.signal);
  }

  /** One stream, from its opening to its end. */
  private async once(): Promise<End> {
    const { tokens } = this.options;
    let token: string;
    try {
      token = await tokens.get();
    } catch (cause) {
      const error = asChatError(cause);
      return { error, after: error.isTransient ? { do: 'resume' } : { do: 'stop', code: error.code } };
    }
    if (this.closing.signal.aborted) return { error: closedError(), after: { do: 'resume' } };
    const signals = this.options.signals();
    this.signals = signals;
    const request = { ...this.options.request, token, after: this.position, signals };
    const session = new Session(this.options, request, {
      opened: (stream) => {
        this.stream = stream;
      },
      // What was sent before the socket was open is lost.
      ready: () => this.signals === signals || this.send({ type: 'signals', chats: this.signals }),
      frame: (frame) => this.take(frame),
      requests: this.requests,
    });
    this.session = session;
    const end = await session.ended;
    this.session = undefined;
    this.stream = undefined;
    this.requests.fail(end.error);
    if (end.after.do === 'renew' && !session.isRenewed) await tokens.renew(session.token).catch(() => {});
    return end;
  }

  private take(frame: JsonObject): void {
    const { type, position, user } = frame;
    if (type === 'hello') {
      if (isObject(user)) this.user = String(user.id);
      const isFresh = this.position === undefined;
      if (typeof position === 'string') this.position = position;
      if (isFresh) for (const listener of this.listeners) listener.began(false);
      this.tried();
      return;
    }
    if (type === 'live') {
      this.failures = 0;
      this.status.set({ state: 'live' });
    }
    for (const listener of this.listeners) listener.frame(frame);
    if (type === 'reset') for (const listener of this.listeners) listener.began(true);
    // Only now: what was not handled comes again.
    if (typeof position === 'string') this.position = position;
  }
}

interface SessionOwner {
  opened(stream: Stream): void;
  ready(): void;
  frame(frame: JsonObject): void;
  requests: Requests;
}

/** One stream: its heartbeat, its token, its end. */
class Session implements StreamHandlers {
  readonly ended: Promise<End>;
  token: string;
  /** Whether it has ended so that the next one begins with a token that is new already. */
  isRenewed = false;
  private readonly stream: Stream;
  private resolve: (end: End) => void = () => {};
  private isOpen = false;
  private readonly over = new AbortController();
  private heardAt = Date.now();
  /** When the service was asked whether it is there; undefined when it has said something since. */
  private pingedAt: number | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly options: ConnectionOptions,
    request: StreamRequest,
    private readonly owner: SessionOwner,
  ) {
    this.token = request.token;
    this.ended = new Promise((resolve) => {
      this.resolve = resolve;
    });
    // A stream that is never answered is given up too.
    this.watch(OPENING_SECONDS);
    this.stream = options.transport.open(request, this);
    owner.opened(this.stream);
  }

  /** Ends the stream from here. */
  end(end: End): void {
    clearInterval(this.timer);
    this.over.abort();
    this.stream.close();
    this.resolve(end);
  }

  alive(): void {
    this.heardAt = Date.now();
    this.pingedAt = undefined;
  }

  frame(frame: JsonObject): void {
    this.alive();
    if (frame.type === 'hello') {
      this.isOpen = true;
      if (typeof frame.heartbeatSeconds === 'number') this.watch(frame.heartbeatSeconds);
      this.owner.ready();
    }
    if (frame.type === 'token.expiring') void this.renew();
    else if (!this.owner.requests.settle(frame)) this.owner.frame(frame);
  }

  closed(code: number, reason: string, refusal?: ChatError): void {
    void this.explain(code, reason, refusal);
  }

  /** Why it ended, which a WebSocket that was refused does not say. */
  private async explain(code: number, reason: string, refusal: ChatError | undefined): Promise<void> {
    clearInterval(this.timer);
    this.over.abort();
    let error = refusal ?? closeError(code, reason);
    const isUnexplained = !this.isOpen && code === 1006 && (!refusal || refusal.code === 'UNAUTHENTICATED');
    if (isUnexplained)
      error = await this.options.diagnose().then(
        () => error,
        (cause: unknown) => asChatError(cause),
      );
    const after = afterClose(code);
    // After a diagnosis that went well, the token in use is another one or the refusal was for the moment.
    const isFinal = code === 1006 && !error.isTransient && (isUnexplained ? error !== refusal : true);
    this.end({ error: after.do === 'stop' ? recoded(error, after.code) : error, after: isFinal ? stop(error) : after });
  }

  private watch(heartbeatSeconds: number): void {
    clearInterval(this.timer);
    this.alive();
    this.timer = setInterval(() => this.checkHeartbeat(heartbeatSeconds * 1000), heartbeatSeconds * 500);
  }

  /** A browser does not show the service's pings, so one of the client's own asks. Timers of a page in the background may be a minute late. */
  private checkHeartbeat(heartbeatMs: number): void {
    const now = Date.now();
    const silentMs = now - this.heardAt;
    let isDead = silentMs > 2 * heartbeatMs + GRACE_MS;
    if (this.isOpen && this.stream.send) {
      if (silentMs < heartbeatMs / 2) return;
      if (this.pingedAt === undefined) {
        this.pingedAt = now;
        this.stream.send({ type: 'ping' });
      }
      isDead = now - this.pingedAt > GRACE_MS;
    }
    if (isDead) this.end({ error: closeError(1006, 'silent'), after: afterClose(1006) });
  }

  /** Continues the stream with another token: in place, or by another stream where nothing can be sent. */
  private async renew(): Promise<void> {
    const { tokens, random } = this.options;
    const { signal } = this.over;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const { token } = this;
        const renewed = await tokens.renew(token);
        if (renewed !== token) await this.take(renewed);
        return;
      } catch (cause) {
        // The service ends the stream when the token expires, and that is explained.
        if (!asChatError(cause).isTransient) return;
        await pause(backoffMs(failures, random), signal);
      }
    }
  }

  private async take(token: string): Promise<void> {
    if (this.over.signal.aborted) return;
    if (this.stream.send) await this.owner.requests.ask({ type: 'auth', token });
    else {
      this.isRenewed = true;
      this.end({ error: closeError(4403, 'token_expired'), after: { do: 'renew' } });
    }
    this.token = token;
  }
}

function stop({ code }: ChatError): AfterClose {
  return { do: 'stop', code };
}

function recoded(error: ChatError, code: ChatError['code']): ChatError {
  return new ChatError(code, error.message, { cause: error });
}
