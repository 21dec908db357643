import type { ChatSignal } from '../../domain/signals.js';
import type { Bus, BusHandler } from '../bus.js';
import { MalformedPayload } from '../payload.js';
import { ThrottledReport } from '../throttled-report.js';
import { parseSignal } from './signal-on-bus.js';

/** The feed of a chat, which delivers signals behind the events that came before them. */
export interface SignalFeed {
  readonly chatId: string;
  signal(signal: ChatSignal): void;
}

interface OpenTopic {
  listeners: number;
  subscribed: Promise<void>;
  receive: BusHandler;
}

const topicOf = (chatId: string) => `signals:${chatId}`;

/** The signals of the chats that somebody listens to in this process. A lost signal is not repaired. */
export class Signals {
  private readonly topics = new Map<SignalFeed, OpenTopic>();
  /** The signal of the `publish` call under way, which this process takes as it is. */
  private publishing: { payload: string; signal: ChatSignal } | undefined;
  private readonly malformed = new ThrottledReport<MalformedPayload>((error, count) =>
    this.onError(error, `read ${count} of the signals from the bus`),
  );
  private readonly unpublished = new ThrottledReport<unknown>((error, count) =>
    this.onError(error, `publish ${count} signals`),
  );

  constructor(
    private readonly bus: Bus,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  /** Brings the chat's signals to this feed, until each `join` is followed by a `leave`. Resolves when they are heard, as of `Bus`. */
  join(feed: SignalFeed): Promise<void> {
    const open = this.topics.get(feed);
    if (open) {
      open.listeners += 1;
      return open.subscribed;
    }
    const receive = (payload: string) => this.receive(feed, payload);
    const subscribed = this.bus.subscribe([topicOf(feed.chatId)], receive);
    this.topics.set(feed, { listeners: 1, subscribed, receive });
    return subscribed;
  }

  leave(feed: SignalFeed): void {
    const open = this.topics.get(feed);
    if (!open) return;
    open.listeners -= 1;
    if (open.listeners > 0) return;
    this.topics.delete(feed);
    this.bus.unsubscribe([topicOf(feed.chatId)], open.receive);
  }

  /** Brings a signal to all who listen to the chat, in every process. While the bus is away it reaches this process alone. */
  publish(chatId: string, signal: ChatSignal): void {
    const payload = JSON.stringify(signal);
    this.publishing = { payload, signal };
    this.bus.publish(topicOf(chatId), payload).catch((error: unknown) => this.unpublished.add(error));
    this.publishing = undefined;
  }

  /** Chats whose signals this process listens to. */
  get size(): number {
    return this.topics.size;
  }

  private receive(feed: SignalFeed, payload: string): void {
    try {
      feed.signal(payload === this.publishing?.payload ? this.publishing.signal : parseSignal(payload));
    } catch (error) {
      if (error instanceof MalformedPayload) this.malformed.add(error);
      else this.onError(error, 'read a signal from the bus');
    }
  }
}
