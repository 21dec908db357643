import type { Command } from 'commander';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

export function addRotateEpoch(program: Command): void {
  program
    .command('rotate-epoch')
    .description('after a backup was restored: refuse the cursors of before, so that clients load their chats again')
    .option('--chat <name>', 'one chat instead of all')
    .action(({ chat }: { chat?: string }) =>
      withServices(async ({ chats }) => {
        const count = await chats.rotateEpoch(chat);
        print(`chats with a new epoch: ${count}`);
      }),
    );
}
