import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../../src/plugins/database/data-folder.js';
import { type Embedded, findRunningEmbedded, startEmbedded } from '../../../src/plugins/database/embedded.js';
import { runTypeScript } from '../../support/process.js';

describe('the embedded database', { timeout: 60_000 }, () => {
  // Most tests begin with a copy of an empty database: a first start takes seconds.
  let empty: string;
  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), 'embedded-empty-'));
    const embedded = await startEmbedded(empty);
    await embedded.close();
  });
  afterAll(() => rm(empty, { recursive: true }));

  let dataDir: string;
  let running: Embedded[];
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'embedded-'));
    await cp(join(empty, 'postgres'), join(dataDir, 'postgres'), { recursive: true });
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((embedded) => embedded.close()));
    await rm(dataDir, { recursive: true, force: true });
  });

  it('finds its data again after a restart', async () => {
    const first = await start(dataDir);
    await query(first.url, "CREATE TABLE kept AS SELECT 'here' AS word");
    await stop(first);
    const second = await start(dataDir);
    expect(await query(second.url, 'SELECT word FROM kept')).toEqual([{ word: 'here' }]);
  });

  it('lets only this user in', async () => {
    const { url } = await start(dataDir);
    const sockets = new URL(url).searchParams.get('host') ?? '';
    expect(((await stat(sockets)).mode & 0o777).toString(8)).toBe('700');
    expect(await readdir(sockets)).toContain('.s.PGSQL.5432');
  });

  it('makes its folders private again, whose files everybody could read, and leaves the folder around them', async () => {
    await chmod(dataDir, 0o755);
    await chmod(join(dataDir, 'postgres'), 0o2775);
    await mkdir(join(dataDir, 'run'), { mode: 0o755 });
    const { url } = await start(dataDir);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await modesOf('.', 'postgres', 'run')).toEqual(['755', '700', '700']);
  });

  it('makes its folders private at the first start, in a folder that others may enter', async () => {
    await rm(join(dataDir, 'postgres'), { recursive: true });
    await chmod(dataDir, 0o755);
    await start(dataDir);
    expect(await modesOf('postgres', 'run')).toEqual(['700', '700']);
  });

  it('refuses a database that a symbolic link puts elsewhere', async () => {
    await rename(join(dataDir, 'postgres'), join(dataDir, 'elsewhere'));
    await symlink('elsewhere', join(dataDir, 'postgres'));
    await expect(startEmbedded(dataDir)).rejects.toMatchObject({
      code: 'DATA_FOLDER',
      message: `The data folder ${join(dataDir, 'postgres')} cannot be used: it must be a folder, not a file or a symbolic link.`,
    });
  });

  it('says in a sentence that its folder is a file, or below one', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    for (const [folder, reason] of [
      [file, 'it is a file'],
      [join(file, 'data'), 'a part of its path is a file'],
    ] as const) {
      await expect(startEmbedded(folder)).rejects.toThrow(
        `The data folder ${folder} cannot be used: ${reason}; choose another DATA_DIR.`,
      );
    }
  });

  it.runIf(process.platform === 'linux')('says in a sentence that no folder can be made there', async () => {
    await symlink('nowhere', join(dataDir, 'broken'));
    for (const folder of ['/proc/data', '/proc/a/data', join(dataDir, 'broken')]) {
      await expect(startEmbedded(folder)).rejects.toThrow(
        `The data folder ${folder} cannot be used: it is not there and cannot be made; choose another DATA_DIR.`,
      );
    }
  });

  it('makes its folder and those above it, which two processes may do at once', async () => {
    const folders = [join(dataDir, 'a', 'b', 'one'), join(dataDir, 'a', 'b', 'two')];
    expect(await Promise.all(folders.map((folder) => openDataFolder(folder)))).toEqual(folders);
    expect(await modesOf('a', 'a/b', 'a/b/one')).toEqual(['700', '700', '700']);
  });

  it('says in a sentence that what it finds there is no database', async () => {
    await rm(join(dataDir, 'postgres', 'global'), { recursive: true });
    await expect(startEmbedded(dataDir)).rejects.toThrow(
      /^The data folder \S+ cannot be used: the database in it cannot be opened: [^[]+\.$/,
    );
  });

  it('is one database by a long path and by a short one, for who has another folder for temporary files too', async () => {
    const deep = join(dataDir, 'a'.repeat(60), 'b'.repeat(60));
    await mkdir(deep, { recursive: true });
    await rename(join(dataDir, 'postgres'), join(deep, 'postgres'));
    const short = join(dataDir, 'short');
    await symlink(deep, short);
    const child = runTypeScript(new URL('./processes/embedded.ts', import.meta.url), deep, dataDir);
    for await (const line of createInterface(child.stdout)) if (line !== 'ready') break;
    for (const path of [deep, short]) {
      await expect(startEmbedded(path)).rejects.toMatchObject({ code: 'DATA_FOLDER_BUSY' });
      const url = await findRunningEmbedded(path);
      expect(await query(url ?? '', 'SELECT count(*) > 0 AS some FROM number')).toEqual([{ some: true }]);
    }
    await kill(child);
    const after = await start(short);
    expect(await query(after.url, 'SELECT count(*) > 0 AS some FROM number')).toEqual([{ some: true }]);
  });

  it('refuses a second start on the same folder, also through another path to it', async () => {
    await start(dataDir);
    for (const path of [dataDir, join(dataDir, 'postgres', '..')]) {
      await expect(startEmbedded(path)).rejects.toMatchObject({
        code: 'DATA_FOLDER_BUSY',
        message: expect.stringContaining(`already runs the embedded database in ${dataDir}`),
      });
    }
  });

  it('starts once of several starts in the same moment, also over what a killed process left', async () => {
    await leaveDeadSockets();
    const starts = await Promise.allSettled(Array.from({ length: 5 }, () => start(dataDir)));
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await findRunningEmbedded(dataDir)).toBe(running[0]?.url);
  });

  it('can be found while it runs, and only then', async () => {
    expect(await findRunningEmbedded(dataDir)).toBeUndefined();
    const embedded = await start(dataDir);
    expect(await findRunningEmbedded(dataDir)).toBe(embedded.url);
    await stop(embedded);
    expect(await findRunningEmbedded(dataDir)).toBeUndefined();
  });

  it('is found, once ready, by who asks while it starts', async () => {
    const starting = start(dataDir);
    let found: string | undefined;
    while (found === undefined) found = await findRunningEmbedded(dataDir);
    expect(found).toBe((await starting).url);
  });

  it('is not made by looking for it', async () => {
    const nowhere = join(dataDir, 'nowhere');
    expect(await findRunningEmbedded(nowhere)).toBeUndefined();
    expect(existsSync(nowhere)).toBe(false);
  });

  it('runs in a folder whose path is too long for a socket', async () => {
    const deep = join(dataDir, 'a'.repeat(60), 'b'.repeat(60));
    await cp(join(empty, 'postgres'), join(deep, 'postgres'), { recursive: true });
    const { url } = await start(deep);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await findRunningEmbedded(deep)).toBe(url);
  });

  it('begins again when the first start was killed in the middle', async () => {
    await rm(join(dataDir, 'postgres'), { recursive: true });
    await mkdir(join(dataDir, 'postgres.unfinished'));
    await writeFile(join(dataDir, 'postgres.unfinished', 'PG_VERSION'), '18\n');
    const { url } = await start(dataDir);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('keeps every acknowledged row when its process is killed, and starts again at once', async () => {
    const acknowledged = new Set<number>();
    for (const wanted of [200, 500]) {
      const child = runTypeScript(new URL('./processes/embedded.ts', import.meta.url), dataDir);
      for await (const line of createInterface(child.stdout)) {
        if (line !== 'ready') acknowledged.add(Number(line));
        if (acknowledged.size === wanted) break;
      }
      await expect(startEmbedded(dataDir)).rejects.toMatchObject({ code: 'DATA_FOLDER_BUSY' });
      await kill(child);
    }
    const { url } = await start(dataDir);
    const stored = new Set((await query(url, 'SELECT n FROM number')).map(({ n }) => n));
    expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
    expect(acknowledged.size).toBe(500);
  });

  it('is in memory without a folder, and gone when closed', async () => {
    const { url, close } = await startEmbedded();
    const sockets = new URL(url).searchParams.get('host') ?? '';
    expect(await query(url, "SELECT current_setting('TimeZone') AS zone")).toEqual([{ zone: 'UTC' }]);
    await close();
    expect(existsSync(sockets)).toBe(false);
  });

  /** The sockets of a process that was killed while it held the folder. */
  async function leaveDeadSockets(): Promise<void> {
    await mkdir(join(dataDir, 'run'), { mode: 0o700 });
    const listen = `require('net').createServer().listen(process.argv[1], () => process.stdout.write('.'))`;
    for (const name of ['lock', '.s.PGSQL.5432']) {
      const child = spawn(process.execPath, ['-e', listen, join(dataDir, 'run', name)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await kill(child);
    }
  }

  async function modesOf(...names: string[]): Promise<string[]> {
    const found = await Promise.all(names.map((name) => stat(join(dataDir, name))));
    return found.map(({ mode }) => (mode & 0o7777).toString(8));
  }

  async function start(folder: string): Promise<Embedded> {
    const embedded = await startEmbedded(folder);
    running.push(embedded);
    return embedded;
  }

  async function stop(embedded: Embedded): Promise<void> {
    running.splice(running.indexOf(embedded), 1);
    await embedded.close();
  }
});

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
