import type { Database } from '../database.js';
import { ChatLog } from './chat-log.js';

export interface LogServices {
  chatLog: ChatLog;
}

export function logServices(db: Database): LogServices {
  return { chatLog: new ChatLog(db) };
}
