import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../project-folder.js';
import { gauge, type Labels, type Metric } from './metric.js';

const startedAt = Date.now() / 1000 - process.uptime();

/** @param labels which worker of several this process is */
export function processMetrics(labels: Labels): Metric[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const own = (value: number) => [[labels, value] as const];
  const cpu: Metric = {
    ...gauge('process_cpu_seconds_total', 'User and system CPU time.', own((user + system) / 1e6)),
    type: 'counter',
  };
  return [
    cpu,
    gauge('process_start_time_seconds', 'When the process started, since the Unix epoch.', own(startedAt)),
    gauge('process_resident_memory_bytes', 'Resident memory.', own(rss)),
    gauge('nodejs_heap_size_total_bytes', 'Size of the JavaScript heap.', own(heapTotal)),
    gauge('nodejs_heap_size_used_bytes', 'Used part of the JavaScript heap.', own(heapUsed)),
    gauge('nodejs_external_memory_bytes', 'Memory outside of the heap, buffers for example.', own(external)),
    gauge('chat_build_info', '1, with the versions as labels.', [[{ version, node: process.version }, 1]], 'max'),
  ];
}

/** The service's version. */
export const version = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'));
  const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isNamed ? String(manifest.version) : 'unknown';
}
