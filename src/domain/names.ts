import { badInput } from './errors.js';
import { checkText, normalized } from './text.js';

/** NFC: characters that look the same to people become the same code points. */
export function normalizeName(name: string): string {
  return normalized(name, 'NFC');
}

/**
 * Folds case: texts that differ only in case become equal. The upper case makes ß equal to ss and ς to σ; the lower case before it
 * turns ẞ into ß, since ẞ is its own upper case.
 */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase();
}

/** The unique key of a username: full-width letters, ligatures and capitals do not make another name. */
export function usernameKey(username: string): string {
  return normalized(foldCase(normalized(username, 'NFKC')), 'NFKC');
}

const USERNAME = /^[\p{L}\p{M}\p{N}@.+\-_]+$/u;
/** Joiners, variation selectors, fillers, and controls of text direction. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;
const VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\p{M}\u2800]/u;

/** Scripts that may occur in one name (https://www.unicode.org/reports/tr39/#Restriction_Level_Detection). */
const COMBINED_SCRIPTS = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Hangul'],
  ['Latin', 'Han', 'Bopomofo'],
];
/** Scripts of which a name may have only one. */
const SINGLE_SCRIPTS = [
  ...['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Georgian', 'Hebrew', 'Arabic', 'Syriac', 'Thaana', 'Nko', 'Ethiopic'],
  ...['Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala'],
  ...[
    'Thai',
    'Lao',
    'Tibetan',
    'Myanmar',
    'Khmer',
    'Mongolian',
    'Cherokee',
    'Canadian_Aboriginal',
    'Tifinagh',
    'Coptic',
  ],
];
const inScripts = (scripts: string[]) =>
  new RegExp(`^[\\p{scx=Common}\\p{scx=Inherited}${scripts.map((script) => `\\p{scx=${script}}`).join('')}]+$`, 'u');
const ALLOWED_SCRIPTS = [...COMBINED_SCRIPTS, ...SINGLE_SCRIPTS.map((script) => [script])].map(inScripts);
/** A name without any of the listed scripts. */
const OTHER_SCRIPTS = new RegExp(
  `^[^${[...COMBINED_SCRIPTS.flat(), ...SINGLE_SCRIPTS].map((script) => `\\p{sc=${script}}`).join('')}]+$`,
  'u',
);

/** False for a name that invisible characters or mixed scripts could make look like another name. */
export function isUnmistakable(username: string): boolean {
  if (INVISIBLE.test(username) || !VISIBLE.test(username)) return false;
  return ALLOWED_SCRIPTS.some((script) => script.test(username)) || OTHER_SCRIPTS.test(username);
}

/**
 * Returns the username as it is stored. For new names only: stored names that break a newer rule stay valid.
 * @throws DomainError `BAD_USER_INPUT`
 */
export function checkUsername(given: string): string {
  const username = checkText('username', normalizeName(given), {
    min: 1,
    max: 150,
    pattern: { expression: USERNAME, rule: 'may hold letters, digits and @ . + - _ only.' },
  });
  if (INVISIBLE.test(username) || !VISIBLE.test(username))
    throw badInput('username', 'username must not have characters that do not show.');
  if (!isUnmistakable(username)) throw badInput('username', 'username must be of one script.');
  return username;
}

/** @throws DomainError `BAD_USER_INPUT` for a text that has only white space and invisible characters. */
export function requireVisible(field: string, text: string): void {
  if (!VISIBLE.test(text)) throw badInput(field, `${field} must have a character that shows.`);
}
