import { CommanderError } from 'commander';
import { ConfigError } from '../config/config.js';
import { clientError } from '../domain/database.js';
import { DatabaseSessionError, DatabaseUnreachableError } from '../plugins/database/errors.js';

/** An error of a command. The message is one sentence for the operator. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The text that the terminal shows for an error: one sentence; for a ConfigError one per mistake. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('\n');
  if (error instanceof CommanderError) return asSentence(error.message.replace(/^error: /, ''));
  if (error instanceof DatabaseUnreachableError || error instanceof DatabaseSessionError) return error.message;
  const refusal = clientError(error);
  if (refusal) return asSentence(refusal.message);
  return asSentence(error instanceof Error ? error.message : String(error));
}

/** Makes one line with a capital letter and a full stop. */
function asSentence(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  const sentence = line.charAt(0).toUpperCase() + line.slice(1);
  return /[.!?)]$/.test(sentence) ? sentence : `${sentence}.`;
}
