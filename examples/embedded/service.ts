// Runs the chat service as an operator does, and registers the shop with it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ChatAccess } from './chat.js';

const program = (name: string) => fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url));

/**
 * Starts the service on a free port, with an embedded database in this folder, where it finds no `.env` either.
 * @param shopOrigin whose pages may call the service from a browser
 */
export async function startService(folder: string, shopOrigin: string) {
  const settings = { DATA_DIR: 'data', HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'warn' };
  const env = { PATH: process.env.PATH, ...settings, CORS_ALLOWED_ORIGINS: shopOrigin };
  // Detached: Ctrl-C goes to the shop alone, which then stops the service.
  const service = spawn(process.execPath, [program('server')], {
    ...{ cwd: folder, env, detached: true },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(service, 'exit').then(() => {});

  /** The address, which the first start prints. The output is read on after it. */
  const address = new Promise<string>((resolve) => {
    let printed = '';
    service.stdout.on('data', (chunk) => {
      printed += chunk;
      const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? [];
      if (origin !== undefined) resolve(origin);
    });
  });

  return {
    ended,
    /** Resolves when the service listens. */
    address: Promise.race([address, ended.then(() => Promise.reject(new Error('The chat service did not start.')))]),
    /** What gives the shop's backend its access. */
    async createApplication(): Promise<Omit<ChatAccess, 'url'>> {
      const flags = ['--name', 'Shop', '--service-user', 'shop', '--role', 'admin', '--grants', 'issue_token'];
      const command = [program('manage'), 'createapplication', ...flags];
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder, env });
      const printed = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(stdout)?.[1] ?? '';
      return { clientId: printed('client_id'), clientSecret: printed('client_secret') };
    },
    async stop(): Promise<void> {
      service.kill('SIGTERM');
      await ended;
    },
  };
}
