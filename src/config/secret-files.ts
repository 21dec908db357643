import { readFileSync } from 'node:fs';
import { variableSchemas } from './variables.js';

/** Secrets of providers with a word of their own in their variables' names. */
const PROVIDER_SECRET = /^OIDC_[A-Z0-9]+_CLIENT_SECRET_FILE$/;
const ENDING = '_FILE';
/** What is surely meant as a path. Anything else may be the secret itself, put into the wrong variable, and is not shown. */
const PATH = /^(\.{0,2}\/|[A-Za-z]:\\|\\\\)/;

/** The variables that name a file with a secret: `DATABASE_URL_FILE`. */
export const secretFileNames: readonly string[] = Object.entries(variableSchemas)
  .filter(([, { writeOnly }]) => writeOnly)
  .map(([name]) => `${name}${ENDING}`);

/** Whether a variable of this name names a file with a secret. */
export function isSecretFileName(name: string): boolean {
  return secretFileNames.includes(name) || PROVIDER_SECRET.test(name);
}

/**
 * The variables with the secrets that files hold, as container platforms hand them over. A line break at a file's end is not part of the
 * secret. Adds a sentence to `problems` for a file that cannot be read, and for a secret that is given twice.
 */
export function withSecretFiles(given: NodeJS.Dict<string>, problems: string[]): NodeJS.Dict<string> {
  const read: NodeJS.Dict<string> = {};
  for (const [name, path] of Object.entries(given)) {
    if (path === undefined || !isSecretFileName(name)) continue;
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
    problems.push(
      PATH.test(path)
        ? `The file ${path} of ${name} cannot be read${reason}.`
        : `The file that ${name} names cannot be read${reason}: its value must be the path of a file, not the secret itself.`,
    );
  }
  return undefined;
}
