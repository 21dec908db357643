import { backoffMs, pause } from './backoff.js';
import { type End, endBy, endOf } from './close-codes.js';
import { asChatError, type ChatError, closedError } from './errors.js';
import { isObject, type JsonObject } from './json.js';
import type { Lifetime } from './lifetime.js';
import { requestsOver } from './requests.js';
import { openSession, type Session, type SessionOptions } from './session.js';
import { type Observable, storeOf } from './store.js';
import type { StreamRequest } from './transport.js';

export type ConnectionStatus =
  /** Nothing was asked for yet, or the client is closed. */
  | { readonly state: 'idle' }
  | { readonly state: 'connecting' }
  /** Everything that was missed has come, and signals are heard. Set again when those of other chats are. */
  | { readonly state: 'live' }
  /** Cut off. The next attempt is at `retryAt`, by `Date.now()`. */
  | { readonly state: 'waiting'; readonly retryAt: number; readonly error: ChatError }
  /** It takes somebody to do something, like signing in; then call `chat.connect()`. */
  | { readonly state: 'stopped'; readonly error: ChatError };

export interface ConnectionOptions extends Omit<SessionOptions, 'requests' | 'frame'> {
  readonly request: Omit<StreamRequest, 'token' | 'after' | 'signals'>;
  /** The chats whose signals are wanted now, at most 20. */
  readonly signals: () => readonly string[];
  readonly life: Lifetime;
}

export interface ConnectionListener {
  /** A frame, in the order in which they came. */
  frame(frame: JsonObject): void;
  /**
   * What was read before may lack something: the stream begins only now, or does not go on from before.
   * @param isReset the service has another history than before
   */
  began(isReset: boolean): void;
}

/** The one stream of all chats: opens it, keeps it open, and resumes it behind the last frame that was handled. */
export interface Connection {
  readonly status: Observable<ConnectionStatus>;
  /** The id of the user, from the first `hello` on. */
  readonly userId: string | undefined;
  /** Resolves when the stream has begun, or could not be opened at the first attempt: what is read then misses nothing, or `began` tells of it. */
  readonly begun: Promise<void>;
  /** Whether frames can be sent. */
  readonly canSend: boolean;
  send(frame: object): void;
  /** Sends a frame that is answered. @throws ChatError of the service's answer; `NETWORK` without one, when it may have been carried out */
  ask(frame: object): Promise<JsonObject>;
  /** @returns what ends it */
  listen(listener: ConnectionListener): () => void;
  /** The signals of other chats are wanted than before, perhaps. */
  signalsChanged(): void;
  /** Connects, now if it waits for its next attempt, and again if it has stopped. */
  start(): void;
  /** Connects if it has not been asked to before. */
  startOnce(): void;
}

export function connectionOf({ request, signals, life, ...options }: ConnectionOptions): Connection {
  const { tokens, random } = options;
  const status = storeOf<ConnectionStatus>({ state: 'idle' });
  const listeners = new Set<ConnectionListener>();
  let session: Session | undefined;
  /** Whether the service has greeted: what is sent before is lost. */
  let isOpen = false;
  /** Behind the last frame that was handled. */
  let position: string | undefined;
  let userId: string | undefined;
  /** The chats whose signals were asked for. */
  let signalled: readonly string[] = [];
  let failures = 0;
  let isRunning = false;
  /** Ends the pause before the next attempt. */
  let retry = () => {};
  let isTried = false;
  let resolveBegun = () => {};
  const begun = new Promise<void>((resolve) => {
    resolveBegun = resolve;
  });
  const tried = () => {
    isTried = true;
    resolveBegun();
  };
  const began = (isReset: boolean) => {
    for (const listener of listeners) listener.began(isReset);
  };
  const send = (frame: object) => session?.stream.send?.(frame);
  const requests = requestsOver(send);

  const frame = (frame: JsonObject): void => {
    const { type, position: at, user } = frame;
    if (type === 'hello') {
      if (isObject(user)) userId = String(user.id);
      if (position === undefined && isTried) began(false);
      position = String(at);
      tried();
      isOpen = true;
      signalsChanged();
      return;
    }
    if (type === 'live') {
      failures = 0;
      status.set({ state: 'live' });
    }
    for (const listener of listeners) listener.frame(frame);
    if (type === 'reset') began(true);
    // Only now: what was not handled comes again.
    if (typeof at === 'string') position = at;
  };

  /** One stream, from its opening to its end. */
  const once = async (): Promise<End> => {
    let token: string;
    try {
      token = await tokens.get();
    } catch (cause) {
      return endBy(asChatError(cause));
    }
    if (life.isOver) return endBy(closedError());
    signalled = signals();
    session = openSession({ ...request, token, after: position, signals: signalled }, { ...options, requests, frame });
    const end = await session.ended;
    session = undefined;
    isOpen = false;
    requests.fail(end.error);
    return end;
  };

  const run = async (): Promise<void> => {
    isRunning = true;
    while (!life.isOver) {
      status.set({ state: 'connecting' });
      const { next, failures: least, error } = await once();
      tried();
      if (life.isOver) return;
      if (next === 'stop') {
        // Whoever hears it may start again.
        isRunning = false;
        return status.set({ state: 'stopped', error });
      }
      const isFirst = failures === 0;
      failures = Math.max(failures, least) + 1;
      if (isFirst && next !== 'resume') continue;
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(failures - 1, random));
      status.set({ state: 'waiting', retryAt: Date.now() + ms, error });
      await pause(ms, life.onEnd, (wake) => {
        retry = wake;
        return () => {};
      });
    }
  };

  const signalsChanged = (): void => {
    const chats = signals();
    if (!session || !isOpen || chats.join() === signalled.join()) return;
    signalled = chats;
    // Without an answer the stream is about to end, or the service is older than its answers.
    if (session.stream.send)
      requests.ask({ type: 'signals', chats }).then(
        () => status.set({ ...status.get() }),
        () => {},
      );
    // What cannot be said is asked for by another stream.
    else session.end(endOf(1012, 'signals'));
  };

  const start = (): void => {
    retry();
    if (!isRunning && !life.isOver) void run();
  };

  life.onEnd(() => {
    session?.end(endBy(closedError()));
    tried();
    status.set({ state: 'idle' });
    status.end();
  });

  return {
    ...{ status, begun, send, signalsChanged, start },
    get userId() {
      return userId;
    },
    get canSend() {
      return session?.stream.send !== undefined && status.get().state === 'live';
    },
    ask: requests.ask,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    startOnce: () => status.get().state === 'idle' && start(),
  };
}
