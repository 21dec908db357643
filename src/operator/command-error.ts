import { CommanderError } from 'commander';
import { ConfigError } from '../config.js';
import { clientError } from '../domain/database.js';
import { DatabaseUnreachableError } from '../plugins/database/errors.js';

/** A refusal by a command itself, in one sentence for the person who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** What the person at the terminal reads of an error: one plain sentence, of a configuration one for each mistake. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('\n');
  if (error instanceof CommanderError) return asSentence(error.message.replace(/^error: /, ''));
  if (error instanceof DatabaseUnreachableError) return error.message;
  const refusal = clientError(error);
  if (refusal) return asSentence(refusal.message);
  return asSentence(error instanceof Error ? error.message : String(error));
}

/** On one line, with a capital and a full stop. */
function asSentence(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  const sentence = line.charAt(0).toUpperCase() + line.slice(1);
  return /[.!?)]$/.test(sentence) ? sentence : `${sentence}.`;
}
