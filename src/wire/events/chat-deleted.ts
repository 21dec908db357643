import type { WireContent } from './content.js';

export const chatDeleted: WireContent<'chat.deleted'> = () => ({});
