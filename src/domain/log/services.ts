import type { Database } from '../database.js';
import { ChatLog } from './chat-log.js';
import { Marks } from './marks.js';

export interface LogServices {
  chatLog: ChatLog;
  marks: Marks;
}

export function logServices(db: Database): LogServices {
  return { chatLog: new ChatLog(db), marks: new Marks(db) };
}
