import { memberOnWire } from '../people.js';
import type { WireContent } from './content.js';

/** The role is left out while it is the usual one, as before there were roles. */
export const memberAdded: WireContent<'member.added'> = ({ member: { role, ...member } }) => ({
  member: memberOnWire(role === 'member' ? member : { role, ...member }),
});
