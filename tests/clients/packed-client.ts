import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const packageFolder = join(root, 'clients/typescript');

const run = promisify(execFile);

/** The package as its users get it: packed, and installed in a folder where nothing else is. */
export class PackedClient {
  private constructor(
    readonly folder: string,
    readonly tarball: string,
  ) {}

  /** @throws Error when it cannot be packed or installed without the network */
  static async install(): Promise<PackedClient> {
    const folder = await mkdtemp(join(tmpdir(), 'chat-client-'));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: packageFolder });
    // What the scripts print comes before the JSON.
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    const tarball = join(folder, String(filename));
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: folder });
    return new PackedClient(folder, tarball);
  }

  /** Puts a package of this repository beside it. */
  async add(name: string): Promise<void> {
    await mkdir(join(this.folder, 'node_modules'), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(this.folder, 'node_modules', name));
  }

  /** Runs a module in the folder. Resolves to what it printed; rejects with what it wrote to standard error. */
  async run(code: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const file = join(this.folder, `${crypto.randomUUID()}.mjs`);
    await writeFile(file, code);
    const { PATH, HOME } = process.env;
    const { stdout } = await run(process.execPath, [file], { env: { PATH, HOME, ...environment }, timeout: 30_000 });
    return stdout;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
