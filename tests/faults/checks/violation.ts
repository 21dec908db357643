/** A promise that was not kept, in a sentence that names who, what and when. */
export interface Violation {
  /** The promise, in a few words. */
  rule: string;
  what: string;
}

export function violation(rule: string, what: string): Violation {
  return { rule, what };
}

export const seconds = (at: number) => `${(at / 1000).toFixed(3)} s`;
