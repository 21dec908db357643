import { memberOnWire } from '../people.js';
import type { WireContent } from './content.js';

export const memberUpdated: WireContent<'member.updated'> = ({ member }) => ({ member: memberOnWire(member) });
