import { userOnWire } from '../people.js';
import type { WireContent } from './content.js';

export const memberRemoved: WireContent<'member.removed'> = ({ user }) => ({ user: userOnWire(user) });
