import type { TargetName } from '../targets/target.js';
import { targets } from '../targets/targets.js';
import { threeDigits } from './number.js';
import type { ScenarioResult } from './results.js';

const COLORS: Record<TargetName, string> = {
  service: '#1f6feb',
  before: '#7f7f7f',
  thin: '#8b949e',
  plain: '#6e7781',
  'socket.io': '#bf8700',
  ceiling: '#2da44e',
  mercurius: '#cf222e',
};

const WIDTH = 900;
const LEFT = 190;
const RIGHT = 90;
const BAR = 16;
const GAP = 5;
const TITLE = 44;

interface Bar {
  target: TargetName;
  median: number;
  min: number;
  max: number;
}

/** One panel for each scenario: its first figure at its largest size, a bar for each target, a line for the range. */
export function plot(results: readonly ScenarioResult[]): string {
  const panels: string[] = [];
  let top = 16;
  for (const result of results) {
    const { height, svg } = panel(result, top);
    panels.push(svg);
    top += height;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>The first figure of each scenario; the page beside this has all of them in tables</title>',
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function panel(result: ScenarioResult, top: number): { height: number; svg: string } {
  const [figure] = result.scenario.figures;
  const variant = result.variants.at(-1);
  if (!figure || !variant) return { height: 0, svg: '' };
  const bars = result.targets.flatMap((target): Bar[] => {
    const cell = result.cell(figure, variant, target);
    return cell ? [{ target, ...cell }] : [];
  });
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...bars.map(({ max }) => max));
  const direction = figure.better === 'less' ? 'less is better' : 'more is better';
  const lines = [
    text(16, top + 16, result.scenario.title, { 'font-weight': '600' }),
    text(16, top + 32, `${variant.label}: ${figure.name}, ${figure.unit} (${direction})`, { fill: '#57606a' }),
    ...bars.flatMap((bar, index) => barOf(bar, top + TITLE + index * (BAR + GAP), scale)),
  ];
  return { height: TITLE + bars.length * (BAR + GAP) + 22, svg: lines.join('\n') };
}

function barOf({ target, median, min, max }: Bar, y: number, scale: number): string[] {
  const middle = y + BAR / 2;
  const at = (value: number) => (LEFT + value * scale).toFixed(1);
  return [
    text(LEFT - 8, middle + 4, targets[target].title, { 'text-anchor': 'end' }),
    `<rect x="${LEFT}" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR}" fill="${COLORS[target]}"/>`,
    `<path d="M${at(min)} ${middle}H${at(max)}" stroke="#24292f" stroke-width="1.5"/>`,
    text(LEFT + max * scale + 6, middle + 4, threeDigits(median)),
  ];
}

function text(x: number, y: number, content: string, attributes: Record<string, string> = {}): string {
  const more = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more.join('')}>${escaped}</text>`;
}
