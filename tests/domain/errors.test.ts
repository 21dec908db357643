import { expect, it } from 'vitest';
import { DomainError } from '../../src/domain/errors.js';

it('an error says in whole milliseconds when to try again, and not too early', () => {
  const refused = (retryAfterMs?: number) =>
    new DomainError('RATE_LIMITED', 'Slow down.', { ...(retryAfterMs && { retryAfterMs }) });
  expect(refused(585.01).retryAfterMs).toBe(586);
  expect(refused(1000).retryAfterMs).toBe(1000);
  expect(refused().retryAfterMs).toBeUndefined();
});
