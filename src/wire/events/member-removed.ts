import { userOnWire } from '../people.js';
import type { WireContent } from './content.js';

/** `until` is left out but for a ban that ends. */
export const memberRemoved: WireContent<'member.removed'> = ({ user, cause, until }) => ({
  user: userOnWire(user),
  cause,
  until: until ?? undefined,
});
