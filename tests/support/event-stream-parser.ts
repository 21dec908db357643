/** A server-sent event, as it came. */
export interface ServerSentEvent {
  event: string;
  id: string | undefined;
  data: string;
}

export interface EventStreamHandlers {
  event(event: ServerSentEvent): void;
  retry?(ms: number): void;
  comment?(): void;
}

const FIELD = /^(event|id|data|retry): ([^\n]*)$/;

/** Takes an event stream apart, more strictly than an EventSource: what the service does not write is an error. */
export class EventStreamParser {
  private rest = '';

  constructor(private readonly handlers: EventStreamHandlers) {}

  /** @throws Error for anything but whole events of one name and one line of data, reconnection times and empty comments */
  push(text: string): void {
    const blocks = `${this.rest}${text}`.split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) this.take(block);
  }

  private take(block: string): void {
    if (block === ':') {
      this.handlers.comment?.();
      return;
    }
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const [, name, value] = FIELD.exec(line) ?? [];
      if (name === undefined || value === undefined || fields.has(name)) throw new Error(`A malformed event: ${block}`);
      fields.set(name, value);
    }
    const [event, data, retry] = [fields.get('event'), fields.get('data'), fields.get('retry')];
    if (retry !== undefined && fields.size === 1) this.handlers.retry?.(Number(retry));
    else if (event === undefined || data === undefined) throw new Error(`An event without a name or data: ${block}`);
    else this.handlers.event({ event, id: fields.get('id'), data });
  }
}
