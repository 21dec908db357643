import { ChatError, type ChatErrorCode } from './errors.js';

/** What a client does when its stream has ended. */
export type AfterClose =
  /** Connects again and resumes; `failures` is the least number of failures in a row that the pause before it counts. */
  | { do: 'resume'; failures?: number; code?: ChatErrorCode }
  | { do: 'resume at once' }
  /** Gets another token, connects again and resumes. */
  | { do: 'renew' }
  /** Stops, and says why. */
  | { do: 'stop'; code: ChatErrorCode };

/** The pause after 1013 is two to four seconds, after 4429 eight to sixteen. */
const PAUSE = 3;
const LONG_PAUSE = 5;

/** docs/raw-channel.md, "Close codes". What is not in it was cut on the way. */
const CODES: Readonly<Record<number, AfterClose>> = {
  1009: { do: 'resume', code: 'FRAME_TOO_LARGE' },
  1011: { do: 'resume' },
  1012: { do: 'resume at once' },
  1013: { do: 'resume', failures: PAUSE },
  4400: { do: 'stop', code: 'PROTOCOL' },
  4401: { do: 'stop', code: 'UNAUTHENTICATED' },
  4403: { do: 'renew' },
  4406: { do: 'stop', code: 'PROTOCOL' },
  4408: { do: 'resume' },
  4409: { do: 'stop', code: 'PROTOCOL' },
  4410: { do: 'resume', failures: PAUSE },
  4429: { do: 'resume', failures: LONG_PAUSE },
};

export function afterClose(code: number): AfterClose {
  return CODES[code] ?? { do: 'resume' };
}

/** How a stream ended, as an error. */
export function closeError(code: number, reason: string): ChatError {
  const after = afterClose(code);
  const errorCode = 'code' in after && after.code ? after.code : 'NETWORK';
  return new ChatError(errorCode, `The connection ended with ${code}${reason && `, ${reason}`}.`);
}
