import { ChatError, type ChatErrorCode } from './errors.js';

/** How a stream ended, and what the client does then. */
export interface End {
  /** `resume` after a pause; `renew`: at once, with another token; `stop`: not by itself. */
  readonly next: 'resume' | 'at once' | 'renew' | 'stop';
  /** The least number of failures in a row that the pause counts. */
  readonly failures: number;
  readonly error: ChatError;
}

/** The pause after 1013 is two to four seconds, after 4429 eight to sixteen. */
const PAUSE = 3;
const LONG_PAUSE = 5;

const CODES: Readonly<Record<number, readonly [next: End['next'], failures: number, code?: ChatErrorCode]>> = {
  1009: ['resume', 0, 'FRAME_TOO_LARGE'],
  1012: ['at once', 0],
  1013: ['resume', PAUSE],
  4400: ['stop', 0, 'PROTOCOL'],
  4401: ['stop', 0, 'UNAUTHENTICATED'],
  4403: ['renew', 0],
  4406: ['stop', 0, 'PROTOCOL'],
  4409: ['stop', 0, 'PROTOCOL'],
  4410: ['resume', PAUSE],
  4429: ['resume', LONG_PAUSE],
};

/** docs/raw-channel.md, "Close codes". What is not in it was cut on the way. */
export function endOf(code: number, reason: string): End {
  const [next, failures, errorCode = 'NETWORK'] = CODES[code] ?? ['resume', 0];
  const error = new ChatError(errorCode, `The connection ended with ${code}${reason && `, ${reason}`}.`);
  return { next, failures, error };
}

/** The end of a stream that could not be opened. */
export function endBy(error: ChatError): End {
  return { next: error.isTransient ? 'resume' : 'stop', failures: 0, error };
}
