/** Writes a command's answer. Standard output has nothing else on it, so that scripts can read it. */
export function print(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
