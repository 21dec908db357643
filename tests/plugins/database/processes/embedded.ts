// Runs the embedded database of its first argument and inserts numbers without end; each is printed once it is committed.
// A second argument is its folder for temporary files.
import pg from 'pg';
import { startEmbedded } from '../../../../src/plugins/database/embedded.js';

if (process.argv[3]) process.env.TMPDIR = process.argv[3];
const { url } = await startEmbedded(process.argv[2]);
const pool = new pg.Pool({ connectionString: url, max: 8 });
await pool.query('CREATE TABLE IF NOT EXISTS number (n int PRIMARY KEY)');
const { rows } = await pool.query<{ next: number }>('SELECT coalesce(max(n), 0) + 1 AS next FROM number');
let next = rows[0]?.next ?? 1;
process.stdout.write('ready\n');
for (const _ of Array.from({ length: 8 })) void insertForEver();

async function insertForEver(): Promise<never> {
  for (;;) {
    const n = next++;
    await pool.query('INSERT INTO number VALUES ($1)', [n]);
    process.stdout.write(`${n}\n`);
  }
}
