import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { readPage, root } from './pages.js';

/** A block of a worked example: a new file as a whole, or a change of one that is there. */
interface Change {
  path: string;
  kind: 'ts' | 'diff';
  text: string;
}

/** What a worked example needs of the repository. */
const COPIED = [
  'clients',
  'src',
  'tests',
  'scripts',
  'prisma',
  'docs',
  '.env.example',
  '.gitignore',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'README.md',
  'SECURITY.md',
  'biome.json',
  'package.json',
  'package-lock.json',
  'schema.graphql',
  'tsconfig.json',
  'vitest.config.ts',
];

/** A paragraph that ends with a path, `path`:, and the blocks below it. */
const STEP = /`([\w./-]+)`:\n\n((?:```(?:ts|diff)\n[\s\S]*?^```$\n*)+)/gm;
const BLOCK = /^```(ts|diff)\n([\s\S]*?)^```$/gm;

/** The changes of a section of CONTRIBUTING.md, in their order. */
export function changesOf(section: string): Change[] {
  const [, text = ''] = readPage('CONTRIBUTING.md').split(`## ${section}\n`);
  const [body = ''] = text.split(/^## /m);
  return [...body.matchAll(STEP)].flatMap(([, path = '', blocks = '']) =>
    [...blocks.matchAll(BLOCK)].map(([, kind, block = '']) => ({
      path,
      kind: kind === 'ts' ? ('ts' as const) : ('diff' as const),
      text: block,
    })),
  );
}

/** A copy of the repository in which examples can be followed. */
export class ScratchCopy {
  private constructor(private readonly folder: string) {}

  static async make(): Promise<ScratchCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'chat-examples-'));
    await Promise.all(
      // Times stay, so that nothing is generated that has not changed.
      COPIED.map((name) => cp(join(root, name), join(folder, name), { recursive: true, preserveTimestamps: true })),
    );
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    return new ScratchCopy(folder);
  }

  /** @throws Error for a new file that is there, and for a change whose place is not there exactly once */
  async apply({ path, kind, text }: Change): Promise<void> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    if (kind === 'ts') return writeFile(file, text, { flag: 'wx' });
    const lines = text.trimEnd().split('\n');
    const without = (sign: string) =>
      lines
        .filter((line) => !line.startsWith(sign))
        .map((line) => `${line.slice(1)}\n`)
        .join('');
    const parts = (await readFile(file, 'utf8')).split(without('+'));
    if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} places for this change:\n${text}`);
    await writeFile(file, parts.join(without('-')));
  }

  /** What the compiler says of these files. The others are read for their types, and not checked again. */
  typeErrors(paths: readonly string[]): string {
    const { config } = ts.readConfigFile(join(this.folder, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, this.folder);
    const files = paths.map((path) => join(this.folder, path));
    const program = ts.createProgram(files, { ...options, incremental: false, tsBuildInfoFile: undefined });
    const problems = files.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)));
    return ts.formatDiagnostics(problems, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => this.folder,
      getNewLine: () => '\n',
    });
  }

  /** Runs a program of node_modules/.bin, or a script of the copy. Rejects with what it printed when it fails. */
  async run(program: string, ...args: string[]): Promise<void> {
    const path = program.startsWith('scripts/') ? program : join(root, 'node_modules/.bin', program);
    const { PATH, HOME, TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
    await promisify(execFile)(process.execPath, [path, ...args], {
      cwd: this.folder,
      env: { PATH, HOME, TEST_DATABASE_URL, TEST_REDIS_URL, NO_COLOR: '1' },
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(`${program} ${args.join(' ')} failed:\n${error.stdout}${error.stderr}`);
    });
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
