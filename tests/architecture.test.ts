import { describe, expect, it } from 'vitest';
import { type SourceFile, sourceFiles } from './support/source-imports.js';

/**
 * The rooms of a floor. A room imports only those that stand above it; a folder or file that is in no list is the ground of
 * its floor, which stands above all rooms, or one of those that put the floor together, which stand below.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  domain: ['queues', 'log', 'credentials', 'people', 'access', 'chats', 'messages', 'mine', 'moderation'],
  graphql: ['documents', 'protocol', 'streams', 'schema', 'http'],
};

/** Files that put the rooms of their floor together. */
const COMPOSITION = ['graphql/plugin.ts'];

/** From the top down. A floor imports only what stands below it, and edges never import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['server.ts'],
  ['start.ts'],
  ['serve.ts', 'manage.ts'],
  ['workers'],
  ['operator'],
  ['app.ts'],
  ['config'],
  ['oauth', 'graphql', 'realtime', 'sse', 'hooks', 'web'],
  ['channels'],
  ['wire'],
  ['plugins'],
  ['delivery'],
  ['domain', 'project-folder.ts', 'start-garbage.ts', 'v8-flags.ts'],
];

const files = sourceFiles();

const partOf = (path: string) => path.split('/')[0] ?? path;
const floorOf = (path: string) => FLOORS.findIndex((floor) => floor.includes(partOf(path)));
const offenders = (isAllowed: (from: string, to: string) => boolean) =>
  files.flatMap(({ path, imports }) =>
    imports.filter((to) => !isAllowed(path, to)).map((to) => `${path} imports ${to}`),
  );

/** 0 for the ground, then the rooms in their order, and last what puts them together. */
function roomOf(path: string): number {
  const [floor = '', room = ''] = path.split('/');
  const rooms = ROOMS[floor] ?? [];
  return COMPOSITION.includes(path) ? rooms.length + 1 : rooms.indexOf(room) + 1;
}

describe('The floors of src/', () => {
  it('hold every file', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter(({ path }) => floorOf(path) === -1)).toEqual([]);
  });

  it('import only what stands below them, and edges never each other', () => {
    const isBelow = (from: string, to: string) => partOf(from) === partOf(to) || floorOf(from) < floorOf(to);
    expect(offenders(isBelow)).toEqual([]);
  });

  it.each(Object.keys(ROOMS))('of %s/ has rooms, each of which imports only those above it', (floor) => {
    const inFloor = files.filter(({ path }) => partOf(path) === floor);
    for (const room of ROOMS[floor] ?? [])
      expect(inFloor.some(({ path }) => path.startsWith(`${floor}/${room}/`))).toBe(true);
    const folders = new Set(
      inFloor
        .map(({ path }) => path.split('/'))
        .filter((parts) => parts.length > 2)
        .map((parts) => parts[1]),
    );
    expect([...folders].sort()).toEqual([...(ROOMS[floor] ?? [])].sort());
    expect(
      offenders((from, to) => partOf(from) !== floor || partOf(to) !== floor || roomOf(to) <= roomOf(from)),
    ).toEqual([]);
  });
});

describe('Imports', () => {
  it('make no cycle, of types neither', () => {
    expect(cycleIn(files)).toBeUndefined();
  });

  it('are found by this test: a cycle of three is named', () => {
    const cycle = [
      { path: 'a.ts', imports: ['b.ts'] },
      { path: 'b.ts', imports: ['c.ts'] },
      { path: 'c.ts', imports: ['b.ts'] },
    ];
    expect(cycleIn(cycle)).toEqual(['b.ts', 'c.ts', 'b.ts']);
  });
});

/** The first cycle of imports, from a file back to itself. */
function cycleIn(sources: readonly SourceFile[]): string[] | undefined {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of importsOf.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of sources) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}
