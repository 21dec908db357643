import { readFileSync } from 'node:fs';
import { variableSchemas } from './variables.js';

/** Secrets of providers with a word of their own in their variables' names. */
const PROVIDER_SECRET = /^OIDC_[A-Z0-9]+_CLIENT_SECRET_FILE$/;
const ENDING = '_FILE';

/** The variables that name a file with a secret: `DATABASE_URL_FILE`. */
export const secretFileNames: readonly string[] = Object.entries(variableSchemas)
  .filter(([, { writeOnly }]) => writeOnly)
  .map(([name]) => `${name}${ENDING}`);

/**
 * The variables with the secrets that files hold, as container platforms hand them over. A line break at a file's end is not part of the
 * secret. Adds a sentence to `problems` for a file that cannot be read, and for a secret that is given twice.
 */
export function withSecretFiles(given: NodeJS.Dict<string>, problems: string[]): NodeJS.Dict<string> {
  const read: NodeJS.Dict<string> = {};
  for (const [name, path] of Object.entries(given)) {
    if (path === undefined || !(secretFileNames.includes(name) || PROVIDER_SECRET.test(name))) continue;
    const secret = name.slice(0, -ENDING.length);
    if (given[secret] !== undefined) problems.push(`${secret} and ${name} are both set: set one of them.`);
    else read[secret] = textOf(name, path, problems);
  }
  return { ...given, ...read };
}

function textOf(name: string, path: string, problems: string[]): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    if (text !== '') return text;
    problems.push(`The file ${path} of ${name} is empty.`);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    problems.push(`The file ${path} of ${name} cannot be read${reason}.`);
  }
  return undefined;
}
