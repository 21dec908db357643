import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PrivatePostgres } from '../../support/private-postgres.js';
import { seed, type WorldSize } from './seed.js';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
/** A million messages take their time. */
const PATIENCE_MS = 300_000;

export interface BenchDatabase {
  url: string;
  drop(): Promise<void>;
}

/** What a round left behind in its database. */
export interface Persisted {
  messages: number;
  /** Chats whose numbers are not exactly 1 to n. */
  chatsWithHoles: number;
}

/** Databases of the service's own schema, filled once for each size and copied for each round. */
export class Databases {
  private readonly templates = new Map<string, Promise<string>>();
  private copies = 0;

  constructor(
    private readonly postgres: PrivatePostgres,
    private readonly folder: string,
  ) {}

  /** A copy that nobody has written to, with the schema of the build in this folder. */
  async copy(size: WorldSize, project = PROJECT): Promise<BenchDatabase> {
    const template = await this.template(size, project);
    this.copies += 1;
    const name = `round_${this.copies}`;
    await this.postgres.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    // What making it left to write must not fall into somebody's measurement.
    await this.postgres.query('CHECKPOINT');
    return {
      url: this.postgres.url(name),
      drop: async () => void (await this.postgres.query(`DROP DATABASE ${name} WITH (FORCE)`)),
    };
  }

  async persisted({ url }: BenchDatabase): Promise<Persisted> {
    const name = new URL(url).pathname.slice(1);
    const [row] = await this.postgres.query<{ messages: string; holes: string }>(
      `WITH logs AS (
         SELECT chat_id, count(*) AS changes, max(seq) AS newest
         FROM (SELECT chat_id, seq FROM messages UNION ALL SELECT chat_id, seq FROM chat_events) l GROUP BY chat_id)
       SELECT (SELECT count(*) FROM messages) AS messages, count(*) AS holes FROM chats c
       LEFT JOIN logs l ON l.chat_id = c.id
       WHERE c.last_seq <> coalesce(l.changes, 0) OR c.last_seq <> coalesce(l.newest, 0)`,
      [],
      name,
    );
    return { messages: Number(row?.messages), chatsWithHoles: Number(row?.holes) };
  }

  /** Messages in the table of the thin server's form without numbers. */
  async unnumbered({ url }: BenchDatabase): Promise<number> {
    const name = new URL(url).pathname.slice(1);
    const query = 'SELECT count(*) AS messages FROM unnumbered_messages';
    const [row] = await this.postgres.query<{ messages: string }>(query, [], name);
    return Number(row?.messages);
  }

  private template(size: WorldSize, project: string): Promise<string> {
    const key = JSON.stringify([size, project]);
    const known = this.templates.get(key);
    if (known) return known;
    const made = this.createTemplate(`template_${this.templates.size}`, size, project);
    this.templates.set(key, made);
    return made;
  }

  private async createTemplate(name: string, size: WorldSize, project: string): Promise<string> {
    await this.postgres.query(`CREATE DATABASE ${name}`);
    const url = this.postgres.url(name);
    await run(process.execPath, [join(project, 'dist/manage.js'), 'migrate'], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, NODE_ENV: 'production', DATABASE_URL: url },
      timeout: PATIENCE_MS,
    });
    await seed(url, size);
    return name;
  }
}
