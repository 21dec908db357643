import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

/** The imports of one source file, types included: paths from `src`, without extension. */
export interface SourceFile {
  path: string;
  imports: readonly string[];
}

/** Every file under src/ but the generated ones, with what it imports of src/. */
export function sourceFiles(): SourceFile[] {
  const paths = readSourcePaths();
  return paths.map((path) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(`src/${path}`, 'utf8'), true, true);
    const imports = importedFiles
      .filter(({ fileName }) => fileName.startsWith('.'))
      .map(({ fileName }) => posix.join(posix.dirname(path), fileName.replace(/\.js$/, '.ts')));
    return { path, imports: imports.filter((imported) => !imported.startsWith('generated/')) };
  });
}

function readSourcePaths(): string[] {
  return ts.sys
    .readDirectory('src', ['.ts'], ['generated'])
    .map((path) => posix.relative('src', posix.normalize(path)));
}
