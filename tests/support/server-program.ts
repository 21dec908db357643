import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A server program that this machine does not have. Its message says what to install. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
}

/** The folder, of those in PATH and those given (best first), that holds all of these programs. @throws MissingProgramError */
export function folderWith(programs: readonly string[], folders: readonly string[], advice: string): string {
  const all = [...folders, ...(process.env.PATH ?? '').split(delimiter)].filter((folder) => folder !== '');
  const found = all.find((folder) => programs.every((program) => isProgram(join(folder, program))));
  if (found) return found;
  throw new MissingProgramError(`This needs ${programs.join(' and ')}, found neither in PATH nor elsewhere. ${advice}`);
}

/** Where distributions put PostgreSQL's own programs, which are seldom in PATH; the newest version first. */
export function postgresFolders(): string[] {
  return [...configuredFolder(), ...versionFolders('/usr/lib/postgresql'), ...versionFolders('/usr/local/opt')];
}

function configuredFolder(): string[] {
  try {
    return [execFileSync('pg_config', ['--bindir'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()];
  } catch {
    return [];
  }
}

function versionFolders(folder: string): string[] {
  try {
    const byVersion = (a: string, b: string) => b.localeCompare(a, 'en', { numeric: true });
    return readdirSync(folder)
      .sort(byVersion)
      .map((version) => join(folder, version, 'bin'));
  } catch {
    return [];
  }
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
