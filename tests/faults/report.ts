import type { Latency } from './checks/latency.js';
import type { RoundResult } from './round.js';
import { scenarios } from './scenarios.js';

const COLUMNS: [name: string, width: number, value: (result: RoundResult) => string][] = [
  ['scenario', -24, ({ scenario }) => scenario],
  ['seed', 11, ({ seed }) => String(seed)],
  ['sends', 7, ({ sends }) => String(sends)],
  ['changes', 9, ({ changes }) => String(changes)],
  ['repeated', 10, ({ repeated }) => String(repeated)],
  ['deliveries', 12, ({ deliveries }) => String(deliveries)],
  ['faults', 8, ({ faults }) => String(faults)],
  ['p50 ms', 8, ({ latency }) => latency.median.toFixed(0)],
  ['max ms', 8, ({ latency }) => latency.worst.toFixed(0)],
  ['violations', 12, ({ violations }) => String(violations.length)],
];

/** Violations listed per round. The journal has the rest. */
const NAMED = 10;
/** If the harness's own event loop was blocked this long, its latencies are not reliable. Milliseconds. */
const OWN_DELAY_MS = 500;

export function heading(): string {
  return COLUMNS.map(([name, width]) => pad(name, width)).join('');
}

/** One line for a round, and more when something was violated. */
export function row(result: RoundResult): string {
  const lines = [COLUMNS.map(([, width, value]) => pad(value(result), width)).join('')];
  const { violations, withoutBus, ownDelayMs, folder } = result;
  if (withoutBus)
    lines.push(`  while Redis did not deliver: ${spell(withoutBus.all)}; in the quiet chat ${spell(withoutBus.quiet)}`);
  if (ownDelayMs > OWN_DELAY_MS)
    lines.push(`  (this process itself stood still for ${ownDelayMs.toFixed(0)} ms: the machine is busy)`);
  for (const { rule, what } of violations.slice(0, NAMED)) lines.push(`  violated: ${rule}: ${what}`);
  if (violations.length > NAMED) lines.push(`  and ${violations.length - NAMED} more`);
  if (violations.length > 0)
    lines.push(`  journal, database and logs: ${folder}`, `  the same plan again: ${commandOf(result)}`);
  return lines.join('\n');
}

/** The first round of a run with minutes takes its whole time, however few they are. */
function commandOf({ scenario, seed, durationMs }: RoundResult): string {
  const isShort = scenarios.some(({ name, shortMs }) => name === scenario && shortMs === durationMs);
  return `npm run test:faults -- --seed ${seed} --scenario '${scenario}'${isShort ? '' : ' --minutes 0.1'}`;
}

function pad(text: string, width: number): string {
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}

function spell({ median, worst }: Latency): string {
  return `p50 ${median.toFixed(0)} ms, max ${worst.toFixed(0)} ms`;
}
