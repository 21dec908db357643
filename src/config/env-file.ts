import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** A line NAME=value of the file `.env`. */
const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/;

/**
 * Reads the file `.env` of a folder. Adds a sentence to `problems` for each line that is not an assignment, and when the file
 * is not UTF-8. Ignores a byte order mark.
 */
export function readDotEnv(cwd: string, problems: string[]): NodeJS.Dict<string> {
  const path = join(cwd, '.env');
  if (!existsSync(path)) return {};
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    problems.push(`The file ${path} cannot be read: ${error instanceof Error ? error.message : error}.`);
    return {};
  }
  const text = decode(bytes);
  if (text === undefined) {
    problems.push(`The file ${path} must be UTF-8 text.`);
    return {};
  }
  const before = problems.length;
  const assigned = readLines(text, path, problems);
  const read = parseEnv(text);
  // After an invalid line Node's parser misreads the lines that follow.
  if (problems.length > before) return read;
  for (const [name, line] of assigned) {
    if (name in read) continue;
    problems.push(`Line ${line} of ${path} is not understood: ${name} gets no value from it.`);
  }
  return read;
}

function decode(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Maps each assigned name to its line number. A quoted value may span several lines. */
function readLines(text: string, path: string, problems: string[]): Map<string, number> {
  const assigned = new Map<string, number>();
  const lines = text.split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, value = ''] = ASSIGNMENT.exec(line) ?? [];
    if (name === undefined) {
      // Does not show the line, which may hold a secret.
      problems.push(`Line ${index + 1} of ${path} must be NAME=value, empty, or a comment that begins with #.`);
      continue;
    }
    const before = assigned.get(name);
    if (before !== undefined)
      problems.push(`${name} is set twice in ${path}, in line ${before} and in line ${index + 1}.`);
    assigned.set(name, index + 1);
    const quote = /^["'`]/.exec(value)?.[0];
    if (quote === undefined) {
      // The parser would silently cut the value there.
      if (/\S#/.test(value))
        problems.push(
          `Line ${index + 1} of ${path} has a # in a value without quotes, which begins a comment: quote it.`,
        );
      continue;
    }
    const closes = value.indexOf(quote, 1);
    const end = closes > 0 ? index : lines.findIndex((each, at) => at > index && each.includes(quote));
    if (end < 0) {
      problems.push(`Line ${index + 1} of ${path} opens a quote (${quote}) that nothing closes.`);
      continue;
    }
    const last = closes > 0 ? value.slice(1) : (lines[end] ?? '');
    const behind = last.slice(last.indexOf(quote) + 1);
    if (!/^\s*(#|$)/.test(behind))
      problems.push(`Line ${end + 1} of ${path} has text behind the quote that ends its value.`);
    index = end;
  }
  return assigned;
}
