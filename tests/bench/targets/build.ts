import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('..', import.meta.url));
/** Below the project, so that the programs find its packages. */
const output = fileURLToPath(new URL('../../../node_modules/.cache/bench', import.meta.url));

const programs = {
  load: 'load/main.ts',
  'thin-server': 'targets/thin-server/server.ts',
  'socket-io': 'targets/socket-io/server.ts',
  ceiling: 'targets/ceiling/server.ts',
  mercurius: 'targets/mercurius/server.ts',
};

export type ProgramName = keyof typeof programs;

/** Where `buildPrograms` puts a program. */
export function programFile(name: ProgramName): string {
  return join(output, `${name}.mjs`);
}

/** Compiles what runs beside this process. A loader that compiles at run time would be measured with it. */
export async function buildPrograms(): Promise<void> {
  await build({
    entryPoints: Object.entries(programs).map(([out, file]) => ({ in: join(here, file), out })),
    outdir: output,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'warning',
  });
}
