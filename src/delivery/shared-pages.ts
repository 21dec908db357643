import type { ChatHead, ChatLog, LogPage } from '../domain/log/chat-log.js';

/** The part of the chat log that delivery reads. */
export type LogReader = Pick<ChatLog, 'heads' | 'page'>;

/** Events per page. */
export const PAGE_LENGTH = 256;
const MAX_PAGES = 4;
/** After the death of a process, all of its clients resume and want the same pages within a moment. Milliseconds. */
const KEEP_MS = 500;

/** One chat's pages of history. Readers who want the same page at about the same time share one read and its events. */
export class SharedPages {
  private readonly pages = new Map<number, Promise<LogPage>>();

  constructor(private readonly log: Pick<LogReader, 'page'>) {}

  /**
   * The events after `seq`, up to `length` of them and not beyond `head`, which must be committed. A shared page may be shorter or
   * longer than `length`.
   */
  read(head: ChatHead, seq: number, length: number): Promise<LogPage> {
    const shared = this.pages.get(seq);
    if (shared) return shared;
    const upTo = Math.max(seq, Math.min(head.seq, seq + length));
    const page = this.log.page({ ...head, seq: upTo }, seq, length);
    const [oldest] = this.pages.keys();
    if (oldest !== undefined && this.pages.size >= MAX_PAGES) this.pages.delete(oldest);
    this.pages.set(seq, page);
    const drop = () => void (this.pages.get(seq) === page && this.pages.delete(seq));
    page.then(() => setTimeout(drop, KEEP_MS).unref(), drop);
    return page;
  }

  clear(): void {
    this.pages.clear();
  }
}
