import { badInput } from '../errors.js';
import { MAX_MENTIONS } from '../log/chat-message.js';
import { canonicalId } from '../text.js';

/**
 * Returns the ids of the users whom a message is to mention, as PostgreSQL writes them, each once and in the order given. Whether they
 * are members is for the transaction that writes the message.
 * @throws DomainError `BAD_USER_INPUT`, field `mentions`, for more than `MAX_MENTIONS` users or an id that no user can have
 */
export function checkMentions(ids: readonly string[]): string[] {
  const unique = new Set<string>();
  for (const given of ids) {
    const id = canonicalId(given);
    if (id === undefined) throw notMember();
    unique.add(id);
    if (unique.size > MAX_MENTIONS) throw badInput('mentions', `mentions must name at most ${MAX_MENTIONS} users.`);
  }
  return [...unique];
}

/** One of the mentioned users is no member of the chat. `BAD_USER_INPUT`, field `mentions`. */
export function notMember() {
  return badInput('mentions', 'mentions must name members of the chat.');
}
