// Migrates the database of its first argument and prints the names of what it applied as JSON.
import { applyMigrations } from '../../../../src/plugins/database/migrations.js';

process.stdout.write(JSON.stringify(await applyMigrations(process.argv[2] ?? '')));
