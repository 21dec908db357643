/** Levels of a JSON text; no request or frame needs more. Parsing 100,000 takes 10 ms, and serialising them overflows the stack. */
const MAX_NESTING = 200;

/**
 * Whether a JSON text has more than 200 levels. Text that is not valid JSON may return either.
 * @param shortest texts of up to so many characters are not scanned and return false
 */
export function isNestedTooDeeply(text: string, shortest = 2 * MAX_NESTING): boolean {
  // More than 200 levels need more than 400 brackets.
  if (text.length <= shortest) return false;
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') isInText = !isInText;
    else if (isInText) index += character === '\\' ? 1 : 0;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}
