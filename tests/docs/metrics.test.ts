import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricNames } from '../support/metrics.js';
import { startTeam } from '../support/service.js';
import { codeIn, readPage, rowsOf } from './pages.js';

let known: Set<string>;
let team: Awaited<ReturnType<typeof startTeam>>;
beforeAll(async () => {
  team = await startTeam();
  known = new Set(metricNames(await (await fetch(`${team.first.origin}/metrics`)).text()));
});
afterAll(() => team.close());

/** The metrics in an expression of PromQL, `up` of Prometheus' own among them; a histogram has a name for each of its parts. */
function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(chat|process|nodejs)_[a-z_]+|^up(?=\{)/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
}

/** A string of YAML on one line. */
function unquoted(text: string): string {
  return text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : JSON.parse(text);
}

function expectKnown(expression: string): void {
  const names = metricsIn(expression);
  expect(names, expression).not.toEqual([]);
  for (const name of names) expect(name === 'up' || known.has(name), `${name} of ${expression}`).toBe(true);
}

it('docs/metrics.md has every metric, and none that there is not', () => {
  const documented = rowsOf('docs/metrics.md').flatMap(([cell = '']) => (cell.startsWith('`') ? codeIn(cell) : []));
  expect(documented.sort()).toEqual([...known].sort());
});

describe('deploy/grafana-dashboard.json', () => {
  interface Dashboard {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  }
  const { panels }: Dashboard = JSON.parse(readPage('deploy/grafana-dashboard.json'));

  it('shows metrics that there are, of the chosen job', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      expectKnown(expr);
      expect(expr).toContain('job="$job"');
    }
  });
});

describe('deploy/prometheus-alerts.yml', () => {
  const rule =
    /^ {6}- alert: (\w+)\n {8}expr: (.+)\n {8}for: (\d+[mh])\n {8}labels:\n {10}severity: (page|ticket)\n {8}annotations:\n {10}summary: (.+)\n {10}action: (.+)\n/gm;
  const [head = '', body = ''] = readPage('deploy/prometheus-alerts.yml').split('    rules:\n');

  it('has rules alone, each with what to do', () => {
    expect(head).toMatch(/groups:\n {2}- name: chat-api\n$/);
    expect(body.replaceAll(rule, '')).toBe('');
    const rules = [...body.matchAll(rule)];
    expect(rules.length).toBeGreaterThan(10);
    for (const [, , expression = '', , , summary = '', action = ''] of rules) {
      expectKnown(unquoted(expression));
      for (const sentence of [summary, action]) expect(unquoted(sentence)).toMatch(/^[A-Z].{20,}\.$/);
    }
  });
});
