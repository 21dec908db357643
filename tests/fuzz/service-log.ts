import { readFileSync } from 'node:fs';

/** From here on a line of the log tells of a fault of ours: pino's `error`. */
const FAULT = 50;
const SECRET = /\bc(?:at|rt|ac|bs|cs)_[\w-]{43}/;

/** What a log of the service must not have, each with its line. `secrets`: texts that nobody may write down. */
export function faultsInLog(file: string, secrets: readonly string[]): string[] {
  return faultsInLines(readFileSync(file, 'utf8').split('\n'), secrets);
}

export function faultsInLines(lines: readonly string[], secrets: readonly string[]): string[] {
  return lines
    .filter((line) => line !== '')
    .flatMap((line) => faultOf(line, secrets).map((what) => `${what}: ${line.slice(0, 2000)}`));
}

function faultOf(line: string, secrets: readonly string[]): string[] {
  const level = levelOf(line);
  const found: string[] = [];
  if (level === undefined) found.push('the log has a line that is no entry');
  else if (level >= FAULT) found.push('the log has an error');
  if (/unhandledRejection|uncaughtException|MaxListenersExceeded/.test(line))
    found.push('the log tells of a fault that nobody caught');
  if (SECRET.test(line) || secrets.some((secret) => line.includes(secret))) found.push('the log has a secret');
  return found;
}

function levelOf(line: string): number | undefined {
  try {
    const { level }: { level?: unknown } = JSON.parse(line);
    return typeof level === 'number' ? level : undefined;
  } catch {
    return undefined;
  }
}
