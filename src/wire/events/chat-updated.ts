import { chatOnWire } from '../chats.js';
import type { WireContent } from './content.js';

export const chatUpdated: WireContent<'chat.updated'> = ({ chat, changed }) => ({ chat: chatOnWire(chat), changed });
