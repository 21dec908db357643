import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Form, Repetitions } from '../scenarios/scenario.js';
import { plot } from './plot.js';
import type { ScenarioResult } from './results.js';
import { goalTable, tables } from './table.js';

/** Writes results.md and its plot. `args` are what the benchmark was called with. */
export function writeResults(
  folder: string,
  results: readonly ScenarioResult[],
  machine: readonly string[],
  form: Form,
  args: readonly string[],
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.svg'), plot(results));
  writeFileSync(join(folder, 'results.md'), page(results, machine, form, args));
}

function page(
  results: readonly ScenarioResult[],
  machine: readonly string[],
  { repetitions, seconds }: Form,
  args: readonly string[],
): string {
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  return `# Benchmark

Made by \`${command}\`. Each target is started afresh on a fresh database, on private PostgreSQL and Redis, with the load in
another process, ${howOften(repetitions)}, ${seconds} s each. Cells are medians with their range, and the ratio to the base, which is the median of the turns' ratios. Every message is counted: one that is missing, refused, repeated or not in the database would have made the run invalid.
Its limits are on: each scenario says which numbers are raised because its whole load comes from one address or over a few sockets.
"Service" is the process of the target; "all processes" adds PostgreSQL's and Redis', not the load's.

${machine.map((line) => `- ${line}`).join('\n')}

![The first figure of each scenario](results.svg)

## What it has to reach

${goalTable(results)}

## Every figure

${results.map(tables).join('\n\n')}
`;
}

function howOften({ largest, smaller, alike }: Repetitions): string {
  if (largest === smaller && largest === alike)
    return largest === 1 ? 'once' : `${largest} times in turn with the others`;
  return `in turn with the others ${largest} times at the largest size, ${smaller} at the smaller ones, ${alike} where the sizes count alike`;
}
