import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { examine } from '../doctor/doctor.js';
import { print } from '../print.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at the settings, the machine, the database and Redis, and say what to do; changes nothing')
    .action(async () => {
      let problems = 0;
      for await (const { level, sentence } of examine()) {
        if (level === 'problem') problems += 1;
        print(`${level}: ${sentence}`);
      }
      if (problems > 0) throw new CommandError(`Problems: ${problems}.`);
    });
}
