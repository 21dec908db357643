import type { ChatEvent } from '../domain/log/chat-events.js';
import type { ChatHead, ChatLog, LogPage, ReadPage } from '../domain/log/chat-log.js';
import type { EventHolder, Replace } from './event-holder.js';
import { MessageStates } from './message-states.js';

/** The part of the chat log that delivery reads. */
export type LogReader = Pick<ChatLog, 'heads' | 'page'>;

/** Events per page. */
export const PAGE_LENGTH = 256;
const MAX_PAGES = 4;
/** After the death of a process, all of its clients resume and want the same pages within a moment. Milliseconds. */
const KEEP_MS = 500;

/** One chat's pages of history. Readers who want the same page at about the same time share one read and its events. */
export class SharedPages implements EventHolder {
  private readonly pages = new Map<number, SharedPage>();
  /** The pages being read. They may be no longer in `pages`. */
  private readonly reading = new Set<SharedPage>();

  /** @param onRead called with each page before its readers get it */
  constructor(
    private readonly log: Pick<LogReader, 'page'>,
    private readonly onRead: (page: ReadPage) => void,
  ) {}

  /**
   * The events after `seq`, up to `length` of them and not beyond `head`, which must be committed. A shared page may be shorter or
   * longer than `length`.
   * @param missingSeq the newest number that is known and whose event has not come, if there is one: what was read before it was committed
   * is read again
   */
  read(head: ChatHead, seq: number, length: number, missingSeq = 0): Promise<ReadPage> {
    const shared = this.pages.get(seq);
    if (shared?.isOf(missingSeq)) return shared.current();
    this.drop(seq);
    const upTo = Math.min(head.seq, seq + length);
    // Not shared: whoever knows a newer head would get nothing for as long as it is kept.
    if (upTo <= seq) return Promise.resolve({ events: [], upTo: seq, asOf: seq });
    const page = new SharedPage(() => this.log.page({ ...head, seq: upTo }, seq, length), this.onRead, missingSeq);
    const [oldest] = this.pages.keys();
    if (oldest !== undefined && this.pages.size >= MAX_PAGES) this.drop(oldest);
    this.pages.set(seq, page);
    this.reading.add(page);
    page.isRead
      .then(
        () => this.keep(seq, page),
        () => this.pages.get(seq) === page && this.drop(seq),
      )
      .finally(() => this.reading.delete(page));
    return page.current();
  }

  /** Notes a change of a message, of which pages that are being read may not know. */
  noteChange(event: ChatEvent): void {
    for (const page of this.reading) page.noteChange(event);
  }

  replace(replace: Replace): void {
    for (const page of this.pages.values()) page.replace(replace);
  }

  /** Drops the pages. Those that are being read are read again. */
  erase(): void {
    this.clear();
    for (const page of this.reading) page.readAgain();
  }

  clear(): void {
    for (const seq of [...this.pages.keys()]) this.drop(seq);
  }

  private keep(seq: number, page: SharedPage): void {
    if (this.pages.get(seq) === page) page.dropTimer = setTimeout(() => this.drop(seq), KEEP_MS).unref();
  }

  private drop(seq: number): void {
    // The timer would hold the page.
    clearTimeout(this.pages.get(seq)?.dropTimer);
    this.pages.delete(seq);
  }
}

/** A page, from the beginning of its read on. */
class SharedPage implements EventHolder {
  /** Resolves when the page is read. */
  readonly isRead: Promise<void>;
  dropTimer: NodeJS.Timeout | undefined;
  private page: ReadPage | undefined;
  /** What changed since the read began. */
  private changes = new MessageStates();
  private isOutdated = false;

  constructor(
    private readonly readLog: () => Promise<ReadPage>,
    private readonly onRead: (page: ReadPage) => void,
    /** It was known to be committed when the read began. */
    private readonly knownSeq: number,
  ) {
    this.isRead = this.read();
  }

  /** Whether it was read after this number was committed. */
  isOf(seq: number): boolean {
    return Math.max(this.knownSeq, this.page?.asOf ?? 0) >= seq;
  }

  /** The page as it is now, once it is read. */
  async current(): Promise<ReadPage> {
    await this.isRead;
    if (!this.page) throw new Error('A page of history is used before it is read.');
    return this.page;
  }

  noteChange(event: ChatEvent): void {
    if (!this.changes.note(event, event.seq)) this.readAgain();
  }

  readAgain(): void {
    this.isOutdated = true;
  }

  replace(replace: Replace): void {
    if (this.page) this.page = withEvents(this.page, replace);
  }

  private async read(): Promise<void> {
    this.isOutdated = false;
    this.changes.clear();
    const read = await this.readLog();
    if (this.isOutdated) return this.read();
    const page = withEvents(read, (event) => this.changes.current(event, read.asOf));
    this.changes.clear();
    this.page = page;
    this.onRead(page);
  }
}

/** The same page when no event is replaced. */
function withEvents<Page extends LogPage>(page: Page, replace: Replace): Page {
  const events = page.events.map(replace);
  return events.some((event, index) => event !== page.events[index]) ? { ...page, events } : page;
}
