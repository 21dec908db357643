import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const folder = fileURLToPath(new URL('../prisma/functions/', import.meta.url));

/** A function of the database, or a trigger that calls one. */
interface Routine {
  /** The function's name, which is also its file's. */
  file: string;
  kind: 'FUNCTION' | 'TRIGGER';
  /** As DROP names it. */
  identity: string;
  /** What CREATE OR REPLACE cannot change: names of parameters, defaults, the result. */
  shape: string;
  definition: string;
}

// Functions of an extension are the extension's.
const ROUTINES = `
  SELECT p.proname::text AS file, 'FUNCTION' AS kind, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS identity,
    pg_get_function_arguments(p.oid) || ' ' || pg_get_function_result(p.oid) AS shape, pg_get_functiondef(p.oid) AS definition
  FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND NOT EXISTS (
    SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  UNION ALL
  SELECT p.proname, 'TRIGGER', t.tgname || ' ON ' || t.tgrelid::regclass, '', pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND p.pronamespace = 'public'::regnamespace
  ORDER BY kind DESC, file, identity`;

/**
 * The SQL that gives a database exactly the functions and triggers of prisma/functions; empty when it has them. It changes
 * nothing: it makes them in a transaction, compares, and rolls back.
 *
 * @param schemaSql what the tables of the database lack, for triggers on them
 * @throws Error that names the file which PostgreSQL refuses, or which makes a function of another name
 */
export async function functionDifference(databaseUrl: string, schemaSql = ''): Promise<string> {
  const files = await readFunctionFiles();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    const present = await routines(client);
    await client.query(schemaSql);
    for (const { kind, identity } of present)
      if (kind === 'FUNCTION') await client.query(`DROP FUNCTION ${identity} CASCADE`);
    const order = await runFiles(client, files);
    const wanted = await routines(client);
    checkNames(files, wanted);
    return difference(new Map(order), present, wanted);
  } finally {
    await client.end();
  }
}

/** Name of the function → text of its file. */
async function readFunctionFiles(): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const read = async (name: string) => [name.slice(0, -4), await readFile(`${folder}${name}`, 'utf8')] as const;
  return new Map(await Promise.all(names.map(read)));
}

async function routines(client: pg.Client): Promise<Routine[]> {
  return (await client.query<Routine>(ROUTINES)).rows;
}

type FunctionFile = readonly [name: string, sql: string];

/** Runs the files, a function before those whose bodies call it, and returns them in that order. */
async function runFiles(client: pg.Client, files: ReadonlyMap<string, string>): Promise<FunctionFile[]> {
  const done: FunctionFile[] = [];
  let waiting: FunctionFile[] = [...files];
  while (waiting.length > 0) {
    const refused: { file: FunctionFile; cause: Error }[] = [];
    for (const file of waiting) {
      const cause = await runFile(client, file);
      if (cause) refused.push({ file, cause });
      else done.push(file);
    }
    const [first] = refused;
    if (first && refused.length === waiting.length)
      throw new Error(`PostgreSQL refuses prisma/functions/${first.file[0]}.sql: ${first.cause.message}.`, first);
    waiting = refused.map(({ file }) => file);
  }
  return done;
}

/** Returns the error of a file that PostgreSQL refuses, which then has changed nothing. */
async function runFile(client: pg.Client, [, sql]: FunctionFile): Promise<Error | undefined> {
  await client.query('SAVEPOINT file');
  const cause = await client.query(sql).then(
    () => undefined,
    (error: Error) => error,
  );
  await client.query(cause ? 'ROLLBACK TO SAVEPOINT file' : 'RELEASE SAVEPOINT file');
  return cause;
}

function checkNames(files: ReadonlyMap<string, string>, wanted: readonly Routine[]): void {
  const made = new Set(wanted.map(({ file }) => file));
  const foreign = [...made].find((name) => !files.has(name));
  if (foreign) throw new Error(`The function ${foreign} has to be in prisma/functions/${foreign}.sql.`);
  const empty = [...files.keys()].find((name) => !made.has(name));
  if (empty) throw new Error(`prisma/functions/${empty}.sql makes no function ${empty}.`);
}

function difference(
  files: ReadonlyMap<string, string>,
  present: readonly Routine[],
  wanted: readonly Routine[],
): string {
  const find = (list: readonly Routine[], { kind, identity }: Routine) =>
    list.find((other) => other.kind === kind && other.identity === identity);
  const drops = present
    .filter((routine) => find(wanted, routine)?.shape !== routine.shape)
    .map(({ kind, identity }) => `DROP ${kind} ${identity};\n`);
  const changed = wanted.filter((routine) => find(present, routine)?.definition !== routine.definition);
  const names = new Set(changed.map(({ file }) => file));
  const texts = [...files].filter(([name]) => names.has(name)).map(([, sql]) => sql);
  return [drops.join(''), ...texts].filter((text) => text !== '').join('\n');
}
