/** Writes a command's output. Nothing else goes to standard output, so that scripts can parse it. */
export function print(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
