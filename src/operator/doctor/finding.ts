/** Something that the doctor looked at. A sentence of a warning or a problem says what to do. */
export interface Finding {
  level: 'ok' | 'warning' | 'problem';
  sentence: string;
}

export const ok = (sentence: string): Finding => ({ level: 'ok', sentence });
export const warning = (sentence: string): Finding => ({ level: 'warning', sentence });
export const problem = (sentence: string): Finding => ({ level: 'problem', sentence });

/** Milliseconds between two clocks above which somebody should be told, and above which times in the service are wrong. */
const CLOCK_WARNING_MS = 1000;
const CLOCK_PROBLEM_MS = 10_000;

/**
 * Compares another clock with this machine's.
 * @param readMs resolves to the other clock's time, in milliseconds since the Unix epoch
 */
export async function clockFinding(whose: string, readMs: () => Promise<number>): Promise<Finding> {
  const before = Date.now();
  const theirs = await readMs();
  const after = Date.now();
  // It was read at some moment in between.
  const differenceMs = Math.max(before - theirs, theirs - after, 0);
  if (differenceMs < CLOCK_WARNING_MS) return ok(`The clock of ${whose} agrees with this machine's.`);
  const sentence = `The clock of ${whose} and this machine's differ by ${Math.round(differenceMs / 1000)} s: let both be set by NTP.`;
  return differenceMs < CLOCK_PROBLEM_MS ? warning(sentence) : problem(sentence);
}
