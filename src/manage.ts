import { CommanderError } from 'commander';
import { sentenceOf } from './operator/command-error.js';
import { createProgram } from './operator/program.js';

// A closed pipe, as with `| head`, is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // `--help` ends in an error with exit code 0.
  if (!(error instanceof CommanderError && error.exitCode === 0)) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    process.exitCode = 1;
  }
}
