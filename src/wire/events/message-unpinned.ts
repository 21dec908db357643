import { messageOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messageUnpinned: WireContent<'message.unpinned'> = ({ message }, audience) => ({
  message: messageOnWire(message, audience),
});
