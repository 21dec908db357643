import { type Command, Option } from 'commander';
import type { UserRole } from '../../domain/profile.js';
import { CommandError } from '../command-error.js';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

interface ApplicationFlags {
  name: string;
  clientId?: string;
  clientSecret?: string;
  public?: boolean;
  grants?: string;
  scopes?: string;
  redirectUris?: string;
  serviceUser?: string;
  role?: UserRole;
}

export function addCreateApplication(program: Command): void {
  program
    .command('createapplication')
    .description('register an application that may ask for tokens; prints its client_id and client_secret, once')
    .requiredOption('--name <name>', 'what people call it')
    .option('--client-id <id>', 'chosen instead of generated')
    .option('--client-secret <secret>', 'chosen instead of generated')
    .option('--public', 'it keeps no secret: a single-page or native app')
    .option(
      '--grants <grants>',
      'password, refresh_token, client_credentials, authorization_code, token_exchange, issue_token; by commas',
    )
    .option('--scopes <scopes>', 'read, write, introspection; by spaces (default: "read write")')
    .option('--redirect-uris <uris>', 'where authorization_code may lead back to; by spaces')
    .option('--service-user <name>', 'its client_credentials tokens are of this bot, which is made if there is none')
    .addOption(new Option('--role <role>', 'what that bot may do (default: user)').choices(['admin', 'user']))
    .addHelpText(
      'after',
      '\nWithout --grants: authorization_code and refresh_token with redirect URIs, client_credentials without.',
    )
    .action((flags: ApplicationFlags) =>
      withServices(async ({ bots, clients }) => {
        if (flags.role !== undefined && flags.serviceUser === undefined)
          throw new CommandError('The role is that of a service user: give --service-user too.');
        const serviceUserId =
          flags.serviceUser === undefined ? undefined : await bots.forService(flags.serviceUser, flags.role);
        const { client, secret } = await clients.create({
          serviceUserId,
          name: flags.name,
          id: flags.clientId,
          secret: flags.clientSecret,
          isPublic: flags.public,
          grants: listOf(flags.grants),
          scopes: listOf(flags.scopes),
          redirectUris: flags.redirectUris?.split(/\s+/).filter((uri) => uri !== ''),
        });
        print(`client_id: ${client.id}`);
        if (secret !== null) print(`client_secret: ${secret}`);
      }),
    );
}

export function addRemoveApplication(program: Command): void {
  program
    .command('removeapplication')
    .description('remove an application; its tokens end, and every socket that was opened with them')
    .requiredOption('--client-id <id>', 'which one')
    .action(({ clientId }: { clientId: string }) =>
      withServices(async ({ tokens }) => {
        if (!(await tokens.removeClient(clientId)))
          throw new CommandError(`There is no application with the client id "${clientId}".`);
        print(`Removed the application ${clientId}.`);
      }),
    );
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(/[\s,]+/).filter((word) => word !== '');
}
