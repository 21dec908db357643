import type { Command } from 'commander';
import { LogChecks } from '../../domain/log/log-checks.js';
import { StoredCounts } from '../../domain/messages/stored-counts.js';
import { CommandError } from '../command-error.js';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'count again what is stored beside the rows that it is counted from, and print what differs; safe at any time',
    )
    .action(() =>
      withServices(async ({ db }) => {
        let count = 0;
        for await (const { chatId, seq, what, stored, counted } of new StoredCounts(db).differences()) {
          count += 1;
          print(`chat ${chatId}, message ${seq}: ${what} is ${stored ?? 'missing'}, and ${counted} by its rows`);
        }
        for await (const { chatId, what } of new LogChecks(db).differences()) {
          count += 1;
          print(`chat ${chatId}: ${what}`);
        }
        if (count > 0) throw new CommandError(`Stored counts that differ from their rows: ${count}.`);
        print('All that is stored is what its rows give.');
      }),
    );
}
