import { asChatError, type ChatError, closedError } from './errors.js';
import type { ChatEvent } from './events.js';
import type { JsonObject } from './json.js';
import { persist } from './retry.js';
import type { Room } from './room.js';
import type { RoomState } from './room-state.js';
import { type Observable, type Store, storeOf, whenReady } from './store.js';

export interface PartState {
  /** As of the room. `loading` also while it is loaded anew: what it shows then is of before. */
  readonly status: RoomState['status'];
  /** Why it has failed. */
  readonly error: ChatError | null;
}

/** A part that nobody listens to any more is followed a little longer: whoever draws anew may listen again. Milliseconds. */
const LINGER_MS = 1000;

/**
 * Something of a room with a state of its own: a thread, the pins. It is loaded, and follows the room's events, while somebody listens to
 * it: subscribes, iterates, or waits for `ready()`.
 */
export abstract class RoomPart<State extends PartState, Snapshot extends { cursor: string }>
  implements Observable<State>
{
  protected readonly store: Store<State>;
  private following: AbortController | undefined;
  private stopRoom: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    protected readonly room: Room,
    empty: State,
  ) {
    this.store = storeOf(empty, () => {
      clearTimeout(this.timer);
      if (this.store.hasListeners) this.start();
      else this.timer = setTimeout(() => this.stop(), LINGER_MS);
    });
  }

  readonly get = (): State => this.store.get();

  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  [Symbol.asyncIterator](): AsyncIterator<State, void, void> {
    return this.store[Symbol.asyncIterator]();
  }

  /** Resolves when it is loaded. @throws ChatError that is not transient, like `NOT_FOUND` */
  ready(): Promise<State> {
    return whenReady(this);
  }

  /** What there is now, with the chat's cursor. */
  protected abstract load(): Promise<Snapshot>;
  protected abstract loaded(snapshot: Snapshot): void;
  protected abstract apply(event: ChatEvent): void;
  /** The room has changed. */
  protected roomChanged(_state: RoomState): void {}
  /** A frame about the chat that is no event. */
  protected take(_frame: JsonObject): void {}
  /** The chat’s signals are heard from now on: some may have been lost before. */
  protected heard(): void {}

  protected request<Data>(document: string, variables: object = {}): Promise<Data> {
    return this.room.context.request<Data>(document, { ...variables, chatId: this.room.id });
  }

  /** Loads it anew. */
  protected reload(): void {
    this.unfollow();
    this.followRoom();
  }

  private start(): void {
    if (this.stopRoom) return;
    const { connection } = this.room.context;
    const stops = [
      this.room.subscribe(() => this.followRoom()),
      connection.listen({ frame: (frame) => frame.chatId === this.room.id && this.take(frame), began: () => {} }),
      connection.status.subscribe(() => connection.status.get().state === 'live' && this.following && this.heard()),
    ];
    this.stopRoom = () => {
      for (const stop of stops) stop();
    };
    this.followRoom();
  }

  private stop(): void {
    this.stopRoom?.();
    this.stopRoom = undefined;
    this.unfollow();
  }

  private unfollow(): void {
    this.following?.abort();
    this.following = undefined;
  }

  private followRoom(): void {
    const state = this.room.get();
    this.roomChanged(state);
    const { status, error } = state;
    if (status === 'ready') {
      if (!this.following) void this.run();
      return;
    }
    this.unfollow();
    if (this.get().status !== status || this.get().error !== error) this.store.set({ ...this.get(), status, error });
  }

  private async run(): Promise<void> {
    const following = new AbortController();
    const { signal } = following;
    this.following = following;
    this.store.set({ ...this.get(), status: 'loading', error: null });
    try {
      const snapshot = await persist(async () => {
        // It is loaded anew already.
        if (signal.aborted) throw closedError();
        return this.load();
      }, this.room.context.patience);
      if (signal.aborted) return;
      this.loaded(snapshot);
      this.store.set({ ...this.get(), status: 'ready', error: null });
      for await (const event of this.room.events({ after: snapshot.cursor, signal })) {
        // The room is loaded anew, and this with it.
        if (signal.aborted || event.type === 'reset') return;
        this.apply(event);
      }
    } catch (cause) {
      const error = asChatError(cause);
      if (!signal.aborted && error.code !== 'CLOSED') this.store.set({ ...this.get(), status: 'failed', error });
    }
  }
}
