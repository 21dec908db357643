import { CommanderError } from 'commander';
import { sentenceOf } from './operator/command-error.js';
import { createProgram } from './operator/program.js';

// A reader that has seen enough, as `head` has, is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Help, when asked for, comes as an error too.
  if (!(error instanceof CommanderError && error.exitCode === 0)) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    process.exitCode = 1;
  }
}
