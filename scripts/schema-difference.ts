import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { IntrospectionAdapter } from './introspection-adapter.js';
import { noFilters, openSchemaEngine } from './schema-engine.js';

const schemaFile = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url));

/** The SQL that changes a database into the schema of prisma/schema.prisma; empty when there is no difference. */
export async function schemaDifference(databaseUrl: string): Promise<string> {
  const files = [{ path: 'schema.prisma', content: await readFile(schemaFile, 'utf8') }];
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const engine = await openSchemaEngine(new IntrospectionAdapter(pool));
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
