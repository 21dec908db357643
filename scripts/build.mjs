// Builds dist/ when it is missing or older than its sources: Prisma's client first, then TypeScript to JavaScript, file by
// file. Types are checked by `npm run check`; a start should not wait for them.
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const force = process.argv.includes('--force');

/** Milliseconds of the newest change below a path, or 0 when there is nothing. */
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
  });
  writeFileSync(join(root, generatedStamp), '');
}

const sourceTime = Math.max(
  newest('src', ['src/generated']),
  newest(generatedStamp),
  newest('scripts'),
  newest('package-lock.json'),
);
if (!process.argv.includes('--generate-only') && (force || newest(buildStamp) <= sourceTime)) {
  const { build } = await import('esbuild');
  // Beside dist/, which a build that fails leaves as it was, and which others may be reading or building too.
  const unfinished = `dist-${process.pid}`;
  const sources = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => name.endsWith('.ts'));
  await build({
    absWorkingDir: root,
    entryPoints: sources.map((name) => join('src', name)),
    outdir: unfinished,
    outbase: 'src',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'warning',
  }).catch(() => {
    // esbuild has said what is wrong.
    rmSync(join(root, unfinished), { recursive: true, force: true });
    process.exit(1);
  });
  writeFileSync(join(root, unfinished, '.stamp'), '');
  putInPlace(unfinished, 'dist');
}

/** Another build may put its own there between the two steps; then ours does it again. */
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
