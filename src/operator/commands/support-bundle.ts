import { open, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, loadConfig, shownConfig } from '../../config/config.js';
import { version } from '../../plugins/metrics/process-metrics.js';
import { CommandError } from '../command-error.js';
import { examine } from '../doctor/doctor.js';
import { localUrl } from '../local-url.js';
import { print } from '../print.js';
import { redacted, redactedLog } from '../redact.js';

interface Options {
  output: string;
  log?: string;
}

const LOG_LINES = 1000;
/** How much of a file's end is read for them, in bytes. */
const LOG_BYTES = 8 * 1024 * 1024;
const METRICS_MS = 5000;

export function addSupportBundle(program: Command): void {
  program
    .command('support-bundle')
    .description(
      'write a text file for those who help you: settings without secrets, versions, findings, metrics, log lines',
    )
    .option('--output <file>', 'where to write it', 'support-bundle.txt')
    .option(
      '--log <file>',
      `a file with the service's log, of which the last ${LOG_LINES} lines are put in; /dev/stdin for a pipe`,
    )
    .action(async ({ output, log }: Options) => {
      const { lines: settings, secrets } = shownConfig();
      // First, since it is given wrongly more often than the rest fails.
      const logLines = log === undefined ? ['No --log was given.'] : await lastLines(log);
      const parts: [title: string, text: string][] = [
        ['Versions', versions().join('\n')],
        ['Settings', redacted(settings.join('\n'), secrets)],
        ['Findings of the doctor', redacted((await findings()).join('\n'), secrets)],
        ['Metrics', await metrics()],
        ['Log', redactedLog(logLines.join('\n'), secrets)],
      ];
      const text = parts.map(([title, lines]) => `# ${title}\n\n${lines}\n`).join('\n');
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
async function metrics(): Promise<string> {
  let config: Config;
  try {
    config = loadConfig();
  } catch {
    return 'The settings are wrong, see above.';
  }
  const { metricsToken } = config;
  try {
    const response = await fetch(`${localUrl(config)}/metrics`, {
      headers: metricsToken === undefined ? {} : { authorization: `Bearer ${metricsToken}` },
      signal: AbortSignal.timeout(METRICS_MS),
    });
    const text = await response.text();
    return response.ok ? text.trimEnd() : `The service answered ${response.status}.`;
  } catch {
    return 'The service does not run on this machine.';
  }
}

/** Of a large file the end alone is read. */
async function lastLines(log: string): Promise<string[]> {
  try {
    const file = await open(log);
    const { size } = await file.stat();
    const start = Math.max(0, size - LOG_BYTES);
    // A pipe has no size, and no places in it.
    const input = file.createReadStream({ encoding: 'utf8', ...(size > 0 && { start }) });
    let text = '';
    for await (const chunk of input) text = `${text}${chunk}`.slice(-LOG_BYTES);
    return text.trimEnd().split('\n').slice(-LOG_LINES);
  } catch (error) {
    throw new CommandError(`The log ${log} cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
}
