/** What was sent and is not as the documents say. The end of each test takes it: `hold-to-documents.ts`. */
const violations: string[] = [];

export function violated(problem: string): void {
  violations.push(problem);
}

export function takeViolations(): string[] {
  return violations.splice(0);
}
