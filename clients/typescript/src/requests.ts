import { ChatError, type ErrorObject, errorFrom } from './errors.js';
import type { JsonObject } from './json.js';

const TIMEOUT_MS = 15_000;

interface Waiting {
  resolve(ack: JsonObject): void;
  reject(error: ChatError): void;
  timer: ReturnType<typeof setTimeout>;
}

/** Frames that are answered by `ack` or `error`, told apart by their ids. */
export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  private last = 0;

  constructor(private readonly send: (frame: object) => void) {}

  /** @throws ChatError of the service's `error` frame; `NETWORK` without an answer, when it may have been carried out */
  ask(frame: object): Promise<JsonObject> {
    this.last += 1;
    const id = String(this.last);
    return new Promise((resolve, reject) => {
      const expire = () => this.take(id)?.reject(new ChatError('NETWORK', 'No answer came in time.'));
      this.waiting.set(id, { resolve, reject, timer: setTimeout(expire, TIMEOUT_MS) });
      this.send({ ...frame, id });
    });
  }

  /** @returns whether the frame is an answer */
  settle(frame: JsonObject): boolean {
    if (frame.type !== 'ack' && frame.type !== 'error') return frame.type === 'pong';
    const waiting = typeof frame.id === 'string' ? this.take(frame.id) : undefined;
    if (frame.type === 'ack') waiting?.resolve(frame);
    else waiting?.reject(errorFrom(frame as unknown as ErrorObject));
    return true;
  }

  /** The connection is gone: what was not answered is answered with this. */
  fail(error: ChatError): void {
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(error);
  }

  private take(id: string): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}
