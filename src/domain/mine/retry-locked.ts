import { isLockTimeout } from '../database.js';
import { chatBusy } from '../errors.js';

/**
 * Runs a statement that writes nothing when it waits for a lock too long, and runs it once more then.
 * @throws DomainError `SERVICE_UNAVAILABLE` when a lock was not granted either time
 */
export async function retryLocked<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
  }
  try {
    return await run();
  } catch (error) {
    throw isLockTimeout(error) ? chatBusy() : error;
  }
}
