import { Command } from 'commander';
import { CommandError } from './command-error.js';
import { addCreateApplication, addRemoveApplication } from './commands/applications.js';
import { addAudit } from './commands/audit.js';
import { addDoctor } from './commands/doctor.js';
import { addRotateEpoch } from './commands/epoch.js';
import { addImportDjango } from './commands/import-django.js';
import { addMigrate } from './commands/migrate.js';
import { addSupportBundle } from './commands/support-bundle.js';
import { addClearTokens } from './commands/tokens.js';
import { addChangePassword, addCreateSuperuser, addCreateUser } from './commands/users.js';
import { addVerify } from './commands/verify.js';

const SETTINGS = `
They work on the database of DATABASE_URL, or on the embedded one in DATA_DIR, whether the service runs or not.
The settings are those of the service: the environment and the file .env.`;

/** The operator's commands. Parsing throws instead of exiting, and prints no errors itself. */
export function createProgram(): Command {
  const program = new Command('npm run manage --')
    .description('What an operator of the service needs at a terminal.')
    .addHelpText('after', SETTINGS)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const add of [
    addMigrate,
    addCreateSuperuser,
    addCreateUser,
    addChangePassword,
    addCreateApplication,
    addRemoveApplication,
    addClearTokens,
    addRotateEpoch,
    addVerify,
    addAudit,
    addDoctor,
    addSupportBundle,
    addImportDjango,
  ])
    add(program);
  return program
    .allowExcessArguments()
    .allowUnknownOption()
    .action(() => {
      const [unknown] = program.args;
      const names = program.commands.map((command) => command.name()).join(', ');
      throw new CommandError(
        unknown ? `There is no command "${unknown}"; there are ${names}.` : `Name a command: ${names}.`,
      );
    });
}
