import { CommandError } from './command-error.js';
import { openTerminal, type Terminal } from './terminal.js';

export interface Credentials {
  username: string;
  password: string;
}

/** The flags of a command that creates an account. */
export interface GivenAccount extends Partial<Credentials> {
  email?: string;
  /** Never prompt. */
  noinput?: boolean;
}

/** Values to use instead of a prompt, for instance from the environment. */
export type Fallback = Partial<Record<keyof Credentials, { variable: string; value: string | undefined }>>;

/**
 * Completes an account: at a terminal by prompting, otherwise from the fallback.
 *
 * @throws CommandError naming what is missing, or when the operator cancels
 */
export async function completeAccount(
  given: GivenAccount,
  fallback: Fallback = {},
): Promise<Credentials & { email?: string }> {
  const { username, password, email } = given;
  if (username !== undefined && password !== undefined) return { username, password, ...(email && { email }) };
  if (given.noinput || !process.stdin.isTTY) {
    return {
      username: username ?? takeFrom(fallback, 'username'),
      password: password ?? takeFrom(fallback, 'password'),
      ...(email && { email }),
    };
  }
  return atTerminal((terminal) => askForAccount(given, terminal));
}

/** The password of the flag, or one typed twice. @throws CommandError without a flag and a terminal */
export async function completePassword(given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) return takeFrom({}, 'password');
  return atTerminal((terminal) => terminal.askNewPassword('New password: '));
}

async function askForAccount({ username, password, email }: GivenAccount, terminal: Terminal) {
  return {
    username: username ?? (await terminal.ask('Username: ')),
    email: email ?? (await terminal.ask('Email (may stay empty): ')),
    password: password ?? (await terminal.askNewPassword('Password: ')),
  };
}

async function atTerminal<Result>(conversation: (terminal: Terminal) => Promise<Result>): Promise<Result> {
  const terminal = openTerminal(process.stdin, process.stderr);
  try {
    return await conversation(terminal);
  } finally {
    terminal.close();
  }
}

function takeFrom(fallback: Fallback, name: keyof Credentials): string {
  const { variable, value } = fallback[name] ?? {};
  if (value !== undefined) return value;
  const alternative = variable ? ` or set ${variable}` : '';
  throw new CommandError(`The ${name} is missing: give --${name}${alternative}.`);
}
