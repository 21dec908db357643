// Builds dist/ when it is missing or older than its sources: Prisma's client first, then the programs with all they import, the web
// client, and a new embedded database. Types are checked by `npm run check`; a start should not wait for them.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const force = process.argv.includes('--force');

// What starts the service begins here: an older Node.js would end with a stack trace about a name that it does not know.
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const oldest = engines.node.replace('>=', '');
if (process.version.slice(1).localeCompare(oldest, 'en', { numeric: true }) < 0) {
  process.stderr.write(`This needs Node.js ${oldest} or newer, and runs on ${process.version.slice(1)}.\n`);
  process.exit(1);
}

/** The latest modification time below a path, in milliseconds; 0 when the path does not exist. */
function newest(path, skip = []) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  const children = readdirSync(join(root, path)).map((name) => join(path, name));
  return Math.max(
    stat.mtimeMs,
    ...children.filter((child) => !skip.includes(child)).map((child) => newest(child, skip)),
  );
}

const generatedStamp = 'src/generated/.stamp';
const buildStamp = 'dist/.stamp';

const schemaTime = Math.max(newest('prisma/schema.prisma'), newest('package-lock.json'));
if (force || newest(generatedStamp) <= schemaTime) {
  run('prisma', ['generate'], {
    // `generate` needs no schema engine but downloads one unless a path is set; any existing file will do.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    // Disables telemetry.
    CHECKPOINT_DISABLE: '1',
  });
  writeFileSync(join(root, generatedStamp), '');
}

const sourceTime = Math.max(
  newest('src', ['src/generated']),
  newest(generatedStamp),
  newest('web'),
  newest('clients/typescript/src'),
  newest('scripts'),
  newest('package-lock.json'),
);
if (!process.argv.includes('--generate-only') && (force || newest(buildStamp) <= sourceTime)) {
  const [{ bundle }, { buildWebClient }, { packNewDatabase }] = await Promise.all([
    import('./bundle.mjs'),
    import('./web-client.mjs'),
    import('./new-database.mjs'),
  ]);
  // Builds beside dist/, so that a failed build leaves dist/ as it was and concurrent readers and builds are not disturbed.
  const unfinished = `dist-${process.pid}`;
  // A copy of the service alone has no web client: `/` says so.
  const webClient = newest('web') > 0 ? buildWebClient(root, join(unfinished, 'web')) : undefined;
  const built = Promise.all([bundle(root, unfinished), webClient]);
  await built.catch((error) => {
    // esbuild has printed its own errors.
    if (!('errors' in error)) process.stderr.write(`${error.stack}\n`);
    rmSync(join(root, unfinished), { recursive: true, force: true });
    process.exit(1);
  });
  await packNewDatabase(root, join(root, unfinished, 'new-database.pack'));
  writeFileSync(join(root, unfinished, '.stamp'), '');
  putInPlace(unfinished, 'dist');
}

/** Replaces `to` by `from`. Retries when another build creates `to` between the two steps. */
function putInPlace(from, to) {
  for (let left = 5; ; left -= 1) {
    rmSync(join(root, to), { recursive: true, force: true });
    try {
      return renameSync(join(root, from), join(root, to));
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

function run(command, args, env) {
  const result = spawnSync(process.execPath, [join(root, 'node_modules/.bin', command), ...args], {
    cwd: root,
    env: { ...process.env, ...env, PATH: join(root, 'node_modules/.bin') + delimiter + process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`);
    process.exit(1);
  }
}
