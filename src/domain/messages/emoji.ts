import { badInput } from '../errors.js';

/** A custom emoji, which the client draws. */
const CUSTOM = /^:[a-z0-9_+-]{1,32}:$/;
/** The flag `v`. The compiler refuses it in a literal for its target, es2023; every supported Node.js has it. */
const UNICODE_SETS: string = 'v';
/** https://unicode.org/reports/tr51/#def_rgi_set */
const RGI = new RegExp('^\\p{RGI_Emoji}$', UNICODE_SETS);
/** UTF-16 units. The longest RGI emoji has 15. */
const MAX_UNITS = 64;

const VARIATION_SELECTORS = /\u{FE0F}/gu;
/** A character that is shown as text unless U+FE0F or a skin tone follows. */
const SHOWN_AS_TEXT = /(?!\p{Emoji_Presentation})\p{Emoji}(?!\p{Emoji_Modifier})/gu;

/**
 * The one spelling of an emoji: the same emoji with and without U+FE0F is one reaction. Returns an RGI emoji as the Unicode standard
 * recommends it for interchange, with U+FE0F where it belongs, or `:name:`.
 * @throws DomainError `BAD_USER_INPUT`, field `emoji`, for anything else, also for two emoji
 */
export function canonicalEmoji(given: string): string {
  if (CUSTOM.test(given)) return given;
  if (given.length <= MAX_UNITS) {
    const bare = given.replace(VARIATION_SELECTORS, '');
    const spelled = [given, bare, bare.replace(SHOWN_AS_TEXT, '$&\u{FE0F}')].find((spelling) => RGI.test(spelling));
    if (spelled !== undefined) return spelled;
  }
  throw badInput('emoji', 'emoji must be one emoji, or a name of 1 to 32 of a-z, 0-9, _, + and - between colons.');
}
