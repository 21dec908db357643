import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Entry, NewEntry } from './entries.js';

/** What the clients of a run did and saw, in the order in which it happened, as JSON lines in a file. */
export class Journal {
  private readonly startedAt = performance.now();
  private readonly file: WriteStream;
  /** How many sends were acknowledged. */
  acknowledged = 0;

  constructor(readonly path: string) {
    this.file = createWriteStream(path);
  }

  /** Milliseconds since the journal's beginning. */
  get now(): number {
    return Math.round((performance.now() - this.startedAt) * 10) / 10;
  }

  write(entry: NewEntry): void {
    if (entry.type === 'send.acknowledged') this.acknowledged += 1;
    this.file.write(`${JSON.stringify({ at: this.now, ...entry })}\n`);
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    this.file.end();
    await finished(this.file);
  }
}

export async function readJournal(path: string): Promise<Entry[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line): Entry => JSON.parse(line));
}
