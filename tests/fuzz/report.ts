import type { Outcome } from './campaign.js';
import type { Stage, StageResult } from './stage.js';

const COLUMNS: [name: string, width: number, value: (stage: Stage, outcome: Outcome) => string][] = [
  ['service', -17, ({ name }) => name],
  ['target', -17, (_stage, { target }) => target],
  ['inputs', 9, (_stage, { runs }) => String(runs)],
  ['seconds', 9, (_stage, { seconds }) => seconds.toFixed(1)],
  ['failed', 8, (_stage, { failure }) => (failure ? 'yes' : 'no')],
];

export function heading(): string {
  return COLUMNS.map(([name, width]) => pad(name, width)).join('');
}

/** A line for each target, and what is wrong with it or with the service. */
export function rows(stage: Stage, { outcomes, faults, before, after }: StageResult, seed: number): string {
  const lines = outcomes.flatMap((outcome) => [
    COLUMNS.map(([, width, value]) => pad(value(stage, outcome), width)).join(''),
    ...failureLines(outcome, seed),
  ]);
  if (before && after)
    lines.push(`  memory ${before.megabytes} → ${after.megabytes} MB, sockets ${before.sockets} → ${after.sockets}`);
  lines.push(...faults.map((fault) => `  violated: ${fault}`));
  return lines.join('\n');
}

function failureLines({ target, runs, failure }: Outcome, seed: number): string[] {
  if (!failure) return [];
  return [
    `  violated: ${failure.what}`,
    `  by the input ${failure.input}`,
    `  (path ${failure.path}; sent alone it ${failure.happensAlone ? 'fails again' : 'does not fail'})`,
    `  again: npm run test:fuzz -- --seed ${seed} --target '${target}'    (input ${runs} of this target)`,
  ];
}

/** How many things are wrong. */
export function countViolations({ outcomes, faults }: StageResult): number {
  return faults.length + outcomes.filter(({ failure }) => failure).length;
}

function pad(text: string, width: number): string {
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}
