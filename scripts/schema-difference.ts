import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { noFilters, openSchemaEngine } from '../src/plugins/database/schema-engine.js';
import { DescribingAdapter } from './describing-adapter.js';

const schemaFile = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url));

/** The SQL that turns a database into what prisma/schema.prisma describes; empty when it is that already. */
export async function schemaDifference(databaseUrl: string): Promise<string> {
  const files = [{ path: 'schema.prisma', content: await readFile(schemaFile, 'utf8') }];
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const engine = await openSchemaEngine(new DescribingAdapter(pool));
  try {
    const { stdout, exitCode } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '.' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: noFilters,
    });
    return exitCode === 0 ? '' : (stdout ?? '');
  } finally {
    engine.free();
    await pool.end();
  }
}
