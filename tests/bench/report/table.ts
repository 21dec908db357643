import { targets } from '../targets/targets.js';
import { judge } from './goals.js';
import { ratioText, threeDigits } from './number.js';
import type { Cell, ScenarioResult } from './results.js';

/** One table for each size: a row for each figure, a column for each target. */
export function tables(result: ScenarioResult): string {
  const { scenario, variants } = result;
  const parts = [`### ${scenario.title}`, limitsNote(scenario.raisedLimits)];
  for (const variant of variants) {
    const header = [variant.label, ...result.targets.map((target) => targets[target].title)];
    const rows = scenario.figures.map((figure) => [
      `${figure.name}, ${figure.unit}`,
      ...result.targets.map((target) => cellText(result.cell(figure, variant, target), target === scenario.base)),
    ]);
    parts.push(markdown([header, ...rows]));
  }
  const notes = [...growthNotes(result), ...orderNotes(result)];
  if (notes.length > 0) parts.push(notes.join('\n'));
  return parts.join('\n\n');
}

/** Nobody's limits are off here; what one address or one socket may do is raised where all load comes from it. */
function limitsNote(raised: Readonly<Record<string, number>> = {}): string {
  const numbers = Object.entries(raised).map(([name, number]) => `\`${name}=${number}\``);
  return `Limits: ${numbers.length === 0 ? 'the defaults' : `the defaults, but ${numbers.join(', ')}`}.`;
}

/** What the service had to reach, and whether it did. */
export function goalTable(results: readonly ScenarioResult[]): string {
  const rows = judge(results).map(({ scenario, what, wanted, measured, reached }) => [
    `${scenario}: ${what}`,
    wanted,
    measured,
    reached ? 'yes' : 'no',
  ]);
  return rows.length === 0 ? '' : markdown([['Goal', 'wanted', 'measured', 'reached'], ...rows]);
}

/** The median, how far the values reach, and the ratio to the base. */
function cellText(cell: Cell | undefined, isBase: boolean): string {
  if (!cell) return '–';
  const { median, min, max, ratio } = cell;
  const range = min === max ? '' : ` (${threeDigits(min)}–${threeDigits(max)})`;
  return `${threeDigits(median)}${range}${isBase || ratio === undefined ? '' : `, ${ratioText(ratio)}`}`;
}

function growthNotes(result: ScenarioResult): string[] {
  const [figure] = result.scenario.figures;
  if (!figure) return [];
  return result.targets.flatMap((target) => {
    const exponent = result.exponent(figure, target);
    if (exponent === undefined) return [];
    return [`- ${targets[target].title}: ${figure.name} grows with the power ${exponent.toFixed(2)} of the size.`];
  });
}

function orderNotes(result: ScenarioResult): string[] {
  return result.targets
    .filter((target) => result.outOfOrder(target) > 0)
    .map((target) => `- ${targets[target].title}: ${result.outOfOrder(target)} deliveries out of order.`);
}

function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const [header = [], ...body] = rows;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(header), rule, ...body.map(line)].join('\n');
}
