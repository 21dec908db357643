import { type Command, Option } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { NewUser } from '../../domain/people/users.js';
import type { UserRole } from '../../domain/profile.js';
import { completeAccount, completePassword, type GivenAccount } from '../credentials.js';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

const PASSWORD_NOTE = '\nA password on the command line can be seen by others on this machine while the command runs.';

export function addCreateSuperuser(program: Command): void {
  addAccountCommand(program, 'createsuperuser', 'create an admin; asks for what is missing')
    .addHelpText(
      'after',
      `\nWhere nobody can be asked, ADMIN_USERNAME and ADMIN_PASSWORD of the environment stand in.${PASSWORD_NOTE}`,
    )
    .action(async (flags: GivenAccount) => {
      const { admin } = loadConfig();
      const account = await completeAccount(flags, {
        username: { variable: 'ADMIN_USERNAME', value: admin.username },
        password: { variable: 'ADMIN_PASSWORD', value: admin.password },
      });
      await create({ ...account, role: 'admin' });
    });
}

export function addCreateUser(program: Command): void {
  addAccountCommand(program, 'createuser', 'create a user; asks for what is missing')
    .addOption(new Option('--role <role>', 'what they may do').choices(['admin', 'user']).default('user'))
    .addHelpText('after', PASSWORD_NOTE)
    .action(async ({ role, ...flags }: GivenAccount & { role: UserRole }) => {
      await create({ ...(await completeAccount(flags)), role });
    });
}

export function addChangePassword(program: Command): void {
  program
    .command('changepassword')
    .description('set a password and end every sign-in of its user; asks for the password when it is not given')
    .requiredOption('--username <name>', 'whose')
    .option('--password <password>', '8 to 256 characters')
    .addHelpText('after', PASSWORD_NOTE)
    .action(async ({ username, password }: { username: string; password?: string }) => {
      const newPassword = await completePassword(password);
      await withServices(async ({ users, reachesRunningProcesses }) => {
        await users.setPassword(username, newPassword);
        print(`Changed the password of ${username}. Every sign-in has ended.`);
        if (!(await reachesRunningProcesses()))
          print('Sockets that are open in a running service close within 30 seconds.');
      });
    });
}

function addAccountCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--username <name>', 'letters, digits and @ . + - _')
    .option('--email <address>', 'may be left out')
    .option('--password <password>', '8 to 256 characters')
    .option('--noinput', 'ask nothing');
}

async function create(user: NewUser & { role: UserRole }): Promise<void> {
  await withServices(async ({ users }) => {
    const { username, role } = await users.create(user);
    print(`Created the ${role} ${username}.`);
  });
}
