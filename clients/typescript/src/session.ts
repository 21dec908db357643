import { backoffMs, pause } from './backoff.js';
import { type End, endBy, endOf } from './close-codes.js';
import { asChatError } from './errors.js';
import type { JsonObject } from './json.js';
import { newLifetime } from './lifetime.js';
import type { Requests } from './requests.js';
import type { Tokens } from './tokens.js';
import type { Stream, StreamRequest, Transport } from './transport.js';

export interface SessionOptions {
  readonly transport: Transport;
  readonly tokens: Tokens;
  readonly requests: Requests;
  /** Asks the service over HTTP whether the token is good: a browser does not say why a socket was refused. */
  readonly diagnose: () => Promise<unknown>;
  readonly random: () => number;
  /** Takes a frame that no request waits for. */
  readonly frame: (frame: JsonObject) => void;
}

/** One stream: its heartbeat, its token, its end. */
export interface Session {
  readonly stream: Stream;
  readonly ended: Promise<End>;
  /** Ends the stream from here. */
  end(how: End): void;
}

/** So much later than two heartbeats may be. Milliseconds. */
const GRACE_MS = 10_000;
/** The heartbeat of a connection that is being opened. */
const OPENING_SECONDS = 10;

export function openSession(request: StreamRequest, options: SessionOptions): Session {
  const { transport, tokens, requests, diagnose, random, frame: take } = options;
  const life = newLifetime();
  let { token } = request;
  let isOpen = false;
  let heardAt = 0;
  /** Whether the service was asked whether it is there, and has said nothing since. */
  let isPinged = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let resolve: (how: End) => void = () => {};
  const ended = new Promise<End>((settle) => {
    resolve = settle;
  });

  const end = (how: End): void => {
    clearInterval(timer);
    life.end();
    stream.close();
    resolve(how);
  };

  const alive = (): void => {
    heardAt = Date.now();
    isPinged = false;
  };

  /** A browser does not show the service's pings, so one of the client's own asks. Timers of a page in the background may be a minute late. */
  const checkHeartbeat = (heartbeatMs: number): void => {
    const silentMs = Date.now() - heardAt;
    const ping = isOpen ? stream.send : undefined;
    if (ping ? isPinged : silentMs > 2 * heartbeatMs + GRACE_MS) end(endOf(1006, 'silent'));
    else if (ping && silentMs > heartbeatMs / 2) {
      isPinged = true;
      ping({ type: 'ping' });
    }
  };

  const watch = (heartbeatSeconds: number): void => {
    clearInterval(timer);
    alive();
    timer = setInterval(() => checkHeartbeat(heartbeatSeconds * 1000), heartbeatSeconds * 500);
  };

  /** Continues the stream with another token: in place, or by another stream where nothing can be sent. */
  const renew = async (): Promise<void> => {
    for (let failures = 0; !life.isOver; failures += 1) {
      try {
        const renewed = await tokens.renew(token);
        if (life.isOver || renewed === token) return;
        if (!stream.send) return end({ ...endOf(4403, 'token_expired'), next: 'at once' });
        await requests.ask({ type: 'auth', token: renewed });
        token = renewed;
        return;
      } catch (cause) {
        // The service ends the stream when the token expires, and that is explained.
        if (!asChatError(cause).isTransient) return;
        await pause(backoffMs(failures, random), life.onEnd);
      }
    }
  };

  // A stream that is never answered is given up too.
  watch(OPENING_SECONDS);
  const stream = transport.open(request, {
    alive,
    frame(frame) {
      alive();
      if (frame.type === 'hello') {
        isOpen = true;
        if (typeof frame.heartbeatSeconds === 'number') watch(frame.heartbeatSeconds);
      }
      if (frame.type === 'token.expiring') void renew();
      else if (!requests.settle(frame)) take(frame);
    },
    async closed(code, reason, refusal) {
      clearInterval(timer);
      life.end();
      let how = endOf(code, reason);
      if (code === 1006 && refusal) how = endBy(refusal);
      // A WebSocket does not say why it was refused. After a diagnosis that went well it was for the moment.
      if (code === 1006 && !isOpen && (!refusal || refusal.code === 'UNAUTHENTICATED'))
        how = await diagnose().then(
          () => endOf(code, reason),
          (cause) => endBy(asChatError(cause)),
        );
      if (how.next === 'renew') await tokens.renew(token).catch(() => {});
      end(how);
    },
  });
  return { stream, ended, end };
}
