// Builds the web client: its script and style with their hashes in their names, index.html that names them, and each file compressed
// beside itself.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Each has a place in index.html: `{{main.js}}`. */
const ENTRIES = { main: 'web/src/main.tsx', style: 'web/style/style.css', icon: 'web/icon.svg' };

/**
 * @param {string} root the project
 * @param {string} folder where the files go, below the project
 * @throws Error when a file cannot be built; esbuild has said why
 */
export async function buildWebClient(root, folder) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ENTRIES,
    outdir: join(folder, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    alias: clientLibrary(root),
    loader: { '.svg': 'copy' },
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  const page = readFileSync(join(root, 'web/index.html'), 'utf8')
    .replace('{{preload}}', preloads(metafile))
    .replace(/\{\{(\w+)\.\w+\}\}/g, (place, name) => nameOf(metafile, name, place));
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, 'index.html'), page);
  compress(join(root, folder, 'index.html'));
  const assets = join(root, folder, 'assets');
  for (const name of readdirSync(assets)) compress(join(assets, name));
}

function nameOf({ outputs }, name, place) {
  const path = Object.keys(outputs).find((output) => outputs[output].entryPoint === ENTRIES[name]);
  if (!path) throw new Error(`web/index.html names ${place}, which is not built.`);
  return `/assets/${basename(path)}`;
}

/** The entries of the client library, from its sources: they need not be built before. */
function clientLibrary(root) {
  const folder = join(root, 'clients/typescript');
  const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entries = Object.entries(exports).filter(([, { default: file }]) => file !== undefined);
  return Object.fromEntries(
    entries.map(([path, { default: file }]) => [
      `${name}${path.slice(1)}`,
      join(folder, file.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
    ]),
  );
}

/** The files that the script imports: a browser would ask for them only when it has read the script. */
function preloads({ outputs }) {
  const found = new Set();
  const follow = (path) => {
    for (const { path: imported, kind } of outputs[path].imports)
      if (kind === 'import-statement' && !found.has(imported)) follow(found.add(imported) && imported);
  };
  follow(Object.keys(outputs).find((path) => outputs[path].entryPoint === ENTRIES.main));
  return [...found].map((path) => `<link rel="modulepreload" href="/assets/${basename(path)}">`).join('\n');
}

function compress(file) {
  const content = readFileSync(file);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: quality }));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
}
