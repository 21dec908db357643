import { ChatError, type ErrorObject, errorFrom } from './errors.js';
import type { JsonObject } from './json.js';

const TIMEOUT_MS = 15_000;

interface Waiting {
  resolve(ack: JsonObject): void;
  reject(error: ChatError): void;
}

/** Frames that are answered by `ack` or `error`, told apart by their ids. */
export interface Requests {
  /** @throws ChatError of the service's `error` frame; `NETWORK` without an answer, when it may have been carried out */
  ask(frame: object): Promise<JsonObject>;
  /** @returns whether the frame is an answer */
  settle(frame: JsonObject): boolean;
  /** The connection is gone: what was not answered is answered with this. */
  fail(error: ChatError): void;
}

export function requestsOver(send: (frame: object) => void): Requests {
  const waiting = new Map<unknown, Waiting>();
  let last = 0;
  return {
    ask(frame) {
      last += 1;
      const id = String(last);
      const answer = new Promise<JsonObject>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ ...frame, id });
      });
      const timer = setTimeout(() => waiting.get(id)?.reject(new ChatError('NETWORK', 'No answer.')), TIMEOUT_MS);
      return answer.finally(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    },
    settle(frame) {
      const { type, id } = frame;
      if (type === 'ack') waiting.get(id)?.resolve(frame);
      else if (type === 'error') waiting.get(id)?.reject(errorFrom(frame as unknown as ErrorObject));
      else return type === 'pong';
      return true;
    },
    fail(error) {
      for (const { reject } of waiting.values()) reject(error);
    },
  };
}
