import { messageOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messageDeleted: WireContent<'message.deleted'> = ({ message }, audience) => ({
  message: messageOnWire(message, audience),
});
