import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PackedClient, root } from './packed-client.js';

const KB = 1000;

describe('the package', () => {
  let packed: PackedClient;

  beforeAll(async () => {
    packed = await PackedClient.install();
  }, 120_000);
  afterAll(() => packed.remove());

  /**
   * The bytes of all of an entry, minified and compressed as one file: what is imported as a whole, without what `import()` loads when it is
   * used, and with it.
   */
  async function gzippedBytes(entry: string): Promise<{ first: number; all: number }> {
    const whenUsed: Plugin = {
      name: 'when-used',
      setup: ({ onResolve }) =>
        onResolve({ filter: /^\./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : null)),
    };
    const bytes = async (plugins: Plugin[]) => {
      const { outputFiles } = await build({
        stdin: { contents: `export * from '@chat-api/client${entry}'`, resolveDir: packed.folder },
        ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', write: false },
        ...{ external: ['react'], plugins },
      });
      return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
    };
    return { first: await bytes([whenUsed]), all: await bytes([]) };
  }

  it('has at most 12 kB before anything of it is used, and 2 kB more for React', async () => {
    const { first, all } = await gzippedBytes('');
    process.stdout.write(
      `The client library has ${first} bytes, gzipped, and ${all} with what is loaded when it is used.\n`,
    );
    expect(first).toBeLessThanOrEqual(12 * KB);
    expect(all).toBeLessThanOrEqual(16.5 * KB);
    expect((await gzippedBytes('/react')).all).toBeLessThanOrEqual(2 * KB);
  });

  it('leaves nothing behind in an application that uses none of it', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: "import '@chat-api/client'; import { ChatError } from '@chat-api/client';",
        resolveDir: packed.folder,
      },
      ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, logLevel: 'silent' },
    });
    expect(outputFiles[0]?.text.trim()).toBe('');
  });

  it('is all that its installation installs, and works in Node', async () => {
    expect(await readdir(join(packed.folder, 'node_modules/@chat-api'))).toEqual(['client']);
    const installed = await readdir(join(packed.folder, 'node_modules'));
    expect(installed.filter((name) => !name.startsWith('.'))).toEqual(['@chat-api']);
    const printed = await packed.run(
      "import { createChatClient } from '@chat-api/client'; process.stdout.write(typeof createChatClient({ url: 'http://localhost', token: async () => '' }).inbox);",
    );
    expect(printed).toBe('function');
  });

  it('has types that a strict program compiles against, with and without the DOM', { timeout: 60_000 }, async () => {
    const file = join(packed.folder, 'program.ts');
    await writeFile(
      file,
      `import { ChatError, type Message, type RoomEvent, type Schema, createChatClient } from '@chat-api/client';
       const chat = createChatClient({ url: '', token: async () => '' });
       const role: Schema.ChatRole | undefined = chat.room('').members[0]?.role;
       export const send = (): Promise<Message> => chat.room('').send('hi', { mentions: [] });
       export const events = (): AsyncIterator<RoomEvent> => chat.room('').events();
       export const code = (error: ChatError) => (error.code === 'FORBIDDEN' ? role : error.rule);
       // @ts-expect-error: there is no such code
       export const wrong = (error: ChatError) => error.code === 'NO_SUCH_CODE';`,
    );
    for (const lib of [['lib.es2022.d.ts', 'lib.dom.d.ts'], ['lib.es2022.d.ts']]) {
      const types = lib.length === 1 ? ['node'] : [];
      const program = ts.createProgram([file], {
        ...{ strict: true, noEmit: true, lib, types, typeRoots: [join(root, 'node_modules/@types')] },
        ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
        target: ts.ScriptTarget.ES2022,
      });
      const messages = ts
        .getPreEmitDiagnostics(program)
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
      expect(messages).toEqual([]);
    }
  });

  it.each([
    ['publint', ['--strict']],
    ['attw', ['--profile', 'esm-only']],
  ])('is clean to %s', async (program, options) => {
    const bin = join(root, 'node_modules/.bin', program);
    await promisify(execFile)(process.execPath, [bin, packed.tarball, ...options]).catch(({ stdout, stderr }) => {
      throw new Error(`${stdout}${stderr}`);
    });
  });

  it('names no dependency, and has no side effects', async () => {
    const manifest = JSON.parse(
      await readFile(join(packed.folder, 'node_modules/@chat-api/client/package.json'), 'utf8'),
    );
    expect(manifest).toMatchObject({ sideEffects: false, peerDependenciesMeta: { react: { optional: true } } });
    expect(manifest.dependencies).toBeUndefined();
  });
});
