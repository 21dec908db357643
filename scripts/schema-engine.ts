import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';

// The types of Node 20 lack this one function of the platform.
declare global {
  namespace WebAssembly {
    function instantiate(
      bytes: Uint8Array,
      imports: object,
    ): Promise<{ instance: { exports: Record<string, unknown> } }>;
  }
}

/** Nothing in this schema is managed by somebody else. */
export const noFilters = { externalTables: [], externalEnums: [] };

/**
 * Prisma's own schema engine as WebAssembly: what `prisma migrate` runs as a binary, without the download. The service applies
 * its migrations without it. The caller ends it with `free()`.
 */
export async function openSchemaEngine(adapter: PrismaPg): Promise<engine.SchemaEngine> {
  await load();
  return engine.SchemaEngine.new({ datamodels: undefined }, ignoreLog, bindMigrationAwareSqlAdapterFactory(adapter));
}

/** The engine reports through results and errors; its log lines say nothing more. */
function ignoreLog() {}

let loading: Promise<void> | undefined;

/** Instantiates the WebAssembly once per process. The package's own entry wants a bundler that imports .wasm files. */
function load(): Promise<void> {
  loading ??= (async () => {
    const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
    const bytes = await readFile(join(dirname(entry), 'schema_engine_bg.wasm'));
    // The engine never stops the 10 s clock of its lock; left as it is, that would keep a finished command alive.
    const imports = Object.fromEntries(
      Object.entries(engine).map(([name, value]) => [name, name.startsWith('__wbg_setTimeout') ? clock : value]),
    );
    const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': imports });
    engine.__wbg_set_wasm(instance.exports);
    const start = instance.exports.__wbindgen_start;
    if (typeof start !== 'function') throw new Error('@prisma/schema-engine-wasm has another layout than expected.');
    start();
  })();
  return loading;
}

const clock = (done: () => void, milliseconds: number) => setTimeout(done, milliseconds).unref();
