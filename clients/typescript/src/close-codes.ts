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

const FAILURES: Readonly<Record<number, number>> = { 1013: PAUSE, 4410: PAUSE, 4429: LONG_PAUSE };

const NEXT: Readonly<Record<number, End['next']>> = {
  1012: 'at once',
  4400: 'stop',
  4401: 'stop',
  4403: 'renew',
  4406: 'stop',
  4409: 'stop',
};

const ERRORS: Readonly<Record<number, ChatErrorCode>> = {
  1009: 'FRAME_TOO_LARGE',
  4400: 'PROTOCOL',
  4401: 'UNAUTHENTICATED',
  4406: 'PROTOCOL',
  4409: 'PROTOCOL',
};

/** docs/raw-channel.md, "Close codes". What is not in it was cut on the way. */
export function endOf(code: number, reason: string): End {
  const error = new ChatError(
    ERRORS[code] ?? 'NETWORK',
    `The connection ended with ${code}${reason && `, ${reason}`}.`,
  );
  return { next: NEXT[code] ?? 'resume', failures: FAILURES[code] ?? 0, error };
}

/** The end of a stream that could not be opened. */
export function endBy(error: ChatError): End {
  return { next: error.isTransient ? 'resume' : 'stop', failures: 0, error };
}
