import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changesOf, ScratchCopy } from './worked-examples.js';

const changes = changesOf('Add an event kind');
const REGISTERS = [
  'src/domain/log/events/kinds.ts',
  'src/wire/event-on-wire.ts',
  'src/graphql/schema/events/types.ts',
] as const;

/** The lines that a change adds to a register, without imports. */
const linesAddedTo = (path: string) =>
  changes
    .filter((change) => change.path === path)
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => line.startsWith('+') && !line.startsWith('+import'));

describe('The event kind of CONTRIBUTING.md', { timeout: 300_000 }, () => {
  let copy: ScratchCopy;
  beforeAll(async () => {
    copy = await ScratchCopy.make();
  }, 60_000);
  afterAll(() => copy.remove());

  it('is three files and three lines', () => {
    const isNew = ({ path, kind }: (typeof changes)[number]) => kind === 'ts' && path.startsWith('src/');
    expect(changes.filter(isNew)).toHaveLength(3);
    expect(REGISTERS.map((path) => linesAddedTo(path).length)).toEqual([1, 1, 1]);
  });

  it('does not compile while an edge lacks it', async () => {
    const [kinds, ...edges] = REGISTERS;
    for (const change of changes)
      if (change.path.startsWith('src/') && !edges.some((path) => path === change.path)) await copy.apply(change);
    const errors = copy.typeErrors([kinds, ...edges]);
    for (const edge of edges) expect(errors).toMatch(new RegExp(`${edge}.*'?member\\.waved`));
  });

  it('travels everywhere once they have it', async () => {
    for (const change of changes)
      if (!change.path.startsWith('src/') || REGISTERS.slice(1).some((path) => path === change.path))
        await copy.apply(change);
    const scenario = readFileSync(new URL('./travelling-event.ts', import.meta.url), 'utf8');
    await copy.apply({ path: 'tests/docs/travelling-event.test.ts', kind: 'ts', text: scenario });
    await copy.run('vitest', 'run', 'tests/docs/travelling-event.test.ts');
  });
});
