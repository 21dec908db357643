import { readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, loadConfig, shownConfig } from '../../config/config.js';
import { version } from '../../plugins/metrics/process-metrics.js';
import { CommandError } from '../command-error.js';
import { examine } from '../doctor/doctor.js';
import { localUrl } from '../local-url.js';
import { print } from '../print.js';

interface Options {
  output: string;
  log?: string;
}

const LOG_LINES = 1000;
const METRICS_MS = 5000;

export function addSupportBundle(program: Command): void {
  program
    .command('support-bundle')
    .description(
      'write a text file for those who help you: settings without secrets, versions, findings, metrics, log lines',
    )
    .option('--output <file>', 'where to write it', 'support-bundle.txt')
    .option('--log <file>', `a file with the service's log, of which the last ${LOG_LINES} lines are put in`)
    .action(async ({ output, log }: Options) => {
      const parts: [title: string, lines: string[]][] = [
        ['Versions', versions()],
        ['Settings', shownConfig()],
        ['Findings of the doctor', await findings()],
        ['Metrics', await metrics()],
        ['Log', log === undefined ? ['No --log was given.'] : await lastLines(log)],
      ];
      const text = parts.map(([title, lines]) => [`# ${title}`, '', ...lines, ''].join('\n')).join('\n');
      // Addresses of clients may be in it.
      await writeFile(output, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST'
          ? new CommandError(`The file ${output} is there already; choose another --output.`)
          : error;
      });
      print(`Wrote ${resolve(output)}. Read it before you pass it on: log lines hold addresses of clients.`);
    });
}

function versions(): string[] {
  const memory = Math.round(totalmem() / 1024 ** 2);
  return [
    `chat-api ${version}`,
    `Node.js ${process.version} on ${platform()} ${release()}, ${arch()}`,
    `${cpus().length} cores, ${memory} MiB of memory`,
    `written at ${new Date().toISOString()}`,
  ];
}

async function findings(): Promise<string[]> {
  const lines: string[] = [];
  for await (const { level, sentence } of examine()) lines.push(`${level}: ${sentence}`);
  return lines;
}

/** Of the service that runs on this machine. */
async function metrics(): Promise<string[]> {
  let config: Config;
  try {
    config = loadConfig();
  } catch {
    return ['The settings are wrong, see above.'];
  }
  const { metricsToken } = config;
  try {
    const response = await fetch(`${localUrl(config)}/metrics`, {
      headers: metricsToken === undefined ? {} : { authorization: `Bearer ${metricsToken}` },
      signal: AbortSignal.timeout(METRICS_MS),
    });
    const text = await response.text();
    return response.ok ? text.trimEnd().split('\n') : [`The service answered ${response.status}.`];
  } catch {
    return ['The service does not run on this machine.'];
  }
}

async function lastLines(log: string): Promise<string[]> {
  const text = await readFile(log, 'utf8').catch((error: unknown) => {
    throw new CommandError(`The log ${log} cannot be read: ${error instanceof Error ? error.message : error}.`);
  });
  return text.trimEnd().split('\n').slice(-LOG_LINES);
}
