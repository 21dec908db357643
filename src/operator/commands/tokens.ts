import type { Command } from 'commander';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

export function addClearTokens(program: Command): void {
  program
    .command('cleartokens')
    .description(
      'delete tokens, codes and tickets that can never be used again, and forget guests of long ago; safe at any time',
    )
    .action(() =>
      withServices(async ({ tokens, guests }) => {
        const cleared = await tokens.deleteExpired();
        const forgotten = await guests.forget();
        print(
          `sign-ins: ${cleared.families}`,
          `access tokens: ${cleared.accessTokens}`,
          `refresh tokens: ${cleared.refreshTokens}`,
          `authorization codes: ${cleared.authorizationCodes}`,
          `socket tickets: ${cleared.socketTickets}`,
          `browser sessions: ${cleared.browserSessions}`,
          `guests forgotten: ${forgotten}`,
        );
      }),
    );
}
