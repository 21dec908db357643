import type { Command } from 'commander';
import { PasswordHasher } from '../../domain/credentials/passwords.js';
import { convert } from '../django/convert.js';
import { readDjango } from '../django/source.js';
import { type Count, writeImport } from '../django/write.js';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

export function addImportDjango(program: Command): void {
  program
    .command('import-django')
    .description(
      'copy users, applications and live tokens from the PostgreSQL of a Django service with django-oauth-toolkit',
    )
    .requiredOption(
      '--database <url>',
      'where they are: postgresql://user:password@host:5432/database; it is only read',
    )
    .option(
      '--user-table <table>',
      'the table of its users (default: users_user, auth_user, accounts_user or core_user)',
    )
    .addHelpText(
      'after',
      `
Passwords and client secrets go on working; they are hashed anew at their first use. So do tokens in use, of which only
hashes are stored. Tokens go only to users who came from there, and only superusers become admins. All is copied, or
nothing. You may run the command again: it copies what is new and leaves what is there already as it is, a user by the
username, an application by its client id.`,
    )
    .action(({ database, userTable }: { database: string; userTable?: string }) =>
      withServices(async ({ db }, config) => {
        const data = await readDjango(database, userTable);
        const hasher = new PasswordHasher();
        const converted = await convert(data, config.refreshTokenSeconds, (secret) => hasher.hash(secret));
        const { users, applications, accessTokens, refreshTokens, remarks } = await writeImport(db, converted);
        print(
          line('users', users),
          line('applications', applications),
          line('access tokens', accessTokens),
          line('refresh tokens', refreshTokens),
          ...converted.remarks,
          ...remarks,
        );
      }),
    );
}

function line(what: string, { copied, present }: Count): string {
  return `${what}: ${copied} copied${present > 0 ? `, ${present} there already` : ''}`;
}
