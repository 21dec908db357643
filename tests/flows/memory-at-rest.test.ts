import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { emptyInstallation } from '../support/built-service.js';
import { freePort } from '../support/free-port.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

const MIB_OF_KB = 1024;

/**
 * MiB, with a tenth of room above what is measured: a package that is loaded at every start for what few use is more than that. The
 * benchmark's scenario `idle` holds the service to less.
 */
const BOUNDS = {
  postgres: { atRest: 168, peak: 193 },
  embedded: { atRest: 420, peak: 600 },
};

it.runIf(existsSync('/proc/self/status'))(
  'a service that has just started for the first time is small',
  async () => {
    const { start } = await emptyInstallation();
    const port = await freePort();
    const { pid } = start(port, 'ignore');
    await waitUntil('The service answers', 60_000, async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const mib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / MIB_OF_KB;
    const { atRest, peak } = BOUNDS[testDatabaseSource().kind];
    expect(mib('VmRSS')).toBeLessThan(atRest);
    expect(mib('VmHWM')).toBeLessThan(peak);
  },
  90_000,
);
