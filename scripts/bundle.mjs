// Bundles the service with its npm packages: a start reads ten files and not 1,800, which takes half the time, and what no
// import reaches is not in memory.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { build } from 'esbuild';

/** Each is a file of its own in dist/, beside the chunks that they share. */
const PROGRAMS = ['src/server.ts', 'src/manage.ts', 'src/plugins/database/embedded-worker.ts'];

/** They have files of their own beside their code. pg asks for pg-native, which nobody has to have. */
const NOT_BUNDLED = ['@electric-sql/*', '@node-rs/*', 'pg-native'];

/** Packages in CommonJS ask for what a module does not have. */
const COMMON_JS = `import { createRequire as createRequireOfChunk } from 'node:module';
const require = createRequireOfChunk(import.meta.url);
const [__filename, __dirname] = [import.meta.filename ?? '', import.meta.dirname ?? ''];
`;

const QUERY_COMPILER = 'query-compiler.wasm';

/**
 * @param {string} root the project
 * @param {string} folder where the files go, below the project
 * @throws Error when a file cannot be built; esbuild has said why
 */
export async function bundle(root, folder) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS,
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    splitting: true,
    external: NOT_BUNDLED,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    banner: { js: COMMON_JS },
    legalComments: 'none',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [binaryQueryCompiler(join(root, folder))],
  });
  for (const file of Object.keys(metafile.outputs).filter((name) => name.endsWith('.map')))
    keepOwnSources(join(root, file));
}

/** Prisma's query compiler as the binary that it is: as text in a module it is in memory three times. */
function binaryQueryCompiler(folder) {
  return {
    name: 'binary-query-compiler',
    setup(build) {
      let binary = Buffer.alloc(0);
      build.onLoad({ filter: /query_compiler_[\w.]+\.wasm-base64\.mjs$/ }, ({ path }) => {
        const { wasm } = createRequire(import.meta.url)(path.replace(/\.mjs$/, '.js'));
        binary = Buffer.from(wasm, 'base64');
        // Prisma's generated client gives it to `Buffer.from`, which asks an object for its value.
        const contents = `import { readFileSync } from 'node:fs';
          export const wasm = { valueOf: () => readFileSync(new URL('./${QUERY_COMPILER}', import.meta.url)) };`;
        return { contents, loader: 'js' };
      });
      build.onEnd(() => writeFileSync(join(folder, QUERY_COMPILER), binary));
    },
  };
}

/** Node parses a source map at the start. Nine tenths of it are about packages, whose lines are found in the bundle. */
function keepOwnSources(file) {
  const map = JSON.parse(readFileSync(file, 'utf8'));
  const own = map.sources.map((source) => !source.includes('node_modules/'));
  const sources = map.sources.filter((_, index) => own[index]);
  const newIndex = new Map(sources.map((source, index) => [map.sources.indexOf(source), index]));
  const lines = decode(map.mappings).map((segments) => {
    const kept = [];
    for (const [column, source, ...rest] of segments) {
      const index = newIndex.get(source);
      if (index !== undefined) kept.push([column, index, rest[0], rest[1]]);
      // Of a row of places without a source, the first ends what was mapped before.
      else if (kept.length === 0 || kept.at(-1).length > 1) kept.push([column]);
    }
    return kept;
  });
  writeFileSync(file, JSON.stringify({ version: 3, sources, names: [], mappings: encode(lines) }));
}
