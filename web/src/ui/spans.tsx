import { useState } from 'preact/hooks';
import { Choice, given } from './form.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const SPANS = [
  [`${10 * MINUTE}`, '10 minutes'],
  [`${60 * MINUTE}`, '1 hour'],
  [`${DAY}`, '1 day'],
  [`${7 * DAY}`, '1 week'],
  ['', 'until somebody ends it'],
  ['until', 'until a time …'],
] as const;

/** For how long something holds: a span from now on, a time, or without an end. */
export function SpanFields() {
  const [span, setSpan] = useState<string>(SPANS[1][0]);
  return (
    <>
      <Choice label="For how long" name="span" options={SPANS} value={SPANS[1][0]} onChoose={setSpan} />
      {span === 'until' && (
        <label>
          Until
          <input type="datetime-local" name="until" required />
        </label>
      )}
    </>
  );
}

/** What was chosen, in the form of `toISOString()`; undefined without an end. */
export function untilIn(fields: FormData, now = Date.now()): string | undefined {
  const span = given(fields, 'span');
  if (span === undefined) return undefined;
  if (span !== 'until') return new Date(now + Number(span)).toISOString();
  return new Date(String(fields.get('until'))).toISOString();
}
