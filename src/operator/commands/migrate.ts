import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { applyMigrations } from '../../plugins/database/migrations.js';
import { locateDatabase } from '../locate-database.js';
import { print } from '../print.js';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to the newest schema (the service and every other command do it too)')
    .action(async () => {
      const database = await locateDatabase(loadConfig());
      try {
        const applied = await applyMigrations(database.url);
        print(...applied.map((name) => `Applied ${name}`));
        if (applied.length === 0) print('Nothing to migrate.');
      } finally {
        await database.close();
      }
    });
}
