import pg from 'pg';

// As the catalog has it, but for what a dump does not keep either: numbers of objects, and places of dropped columns.
const DESCRIPTION = `
  WITH tables AS (
    SELECT c.oid, c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations')
  SELECT concat_ws(' ', 'column', t.relname, row_number() OVER (PARTITION BY t.oid ORDER BY a.attnum), a.attname,
    format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull, 'default', coalesce(pg_get_expr(d.adbin, d.adrelid), '-'),
    'generated', a.attgenerated, a.attidentity, 'storage', a.attstorage, a.attcompression, a.attcollation::regcollation) AS line
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT concat_ws(' ', 'relation', oid::regclass, array_to_string(reloptions, ','), relrowsecurity, relpersistence, relkind)
  FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'constraint', t.relname, k.conname, pg_get_constraintdef(k.oid))
  FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
  UNION ALL
  SELECT concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid)
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
  UNION ALL
  SELECT concat_ws(' ', 'function', pg_get_functiondef(oid)) FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
  UNION ALL
  SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled)
  FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
  UNION ALL
  SELECT concat_ws(' ', 'enum', enumtypid::regtype, string_agg(enumlabel, ',' ORDER BY enumsortorder)) FROM pg_enum
  GROUP BY enumtypid
  UNION ALL
  SELECT concat_ws(' ', 'sequence', s.seqrelid::regclass, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
    s.seqcache, s.seqcycle, 'owned by', d.refobjid::regclass, a.attname)
  FROM pg_sequence s
  LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'a'
  LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  UNION ALL
  SELECT concat_ws(' ', 'extension', extname) FROM pg_extension`;

/** A line for each column, constraint, index, function, trigger, type and sequence of a database, sorted. */
export async function describeSchema(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(DESCRIPTION);
    return rows.map(({ line }) => line).sort();
  } finally {
    await client.end();
  }
}
