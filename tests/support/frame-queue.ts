export type Frame = Record<string, unknown> & { type: string };

/** Frames that a client has got, taken in the order they came, and waited for. */
export class FrameQueue {
  /** Every frame that came, taken or not. */
  readonly frames: Frame[] = [];
  private taken = 0;
  private isOver = false;
  private wake: (() => void) | undefined;

  /** The next frame, whatever it is; with a type, frames of other types before it are skipped. */
  async next(type?: string): Promise<Frame> {
    for (;;) {
      const frame = this.frames[this.taken];
      if (frame) {
        this.taken += 1;
        if (type === undefined || frame.type === type) return frame;
      } else if (this.isOver) {
        throw new Error(`The stream ended before a frame ${type ?? ''} came.`);
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  async take(count: number, type?: string): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next(type));
    return frames;
  }

  protected push(frame: Frame): void {
    this.frames.push(frame);
    this.wake?.();
  }

  /** No more frames come. */
  protected over(): void {
    this.isOver = true;
    this.wake?.();
  }
}

/** A stream that was refused with an HTTP status. */
export class StreamRefused extends Error {
  constructor(
    readonly status: number,
    readonly headers: NodeJS.Dict<string | string[]>,
    readonly body: unknown,
  ) {
    super(`The request for a stream was answered ${status}`);
  }
}

/** How a stream ended: 1006 without a word of the server. */
export interface StreamClosed {
  code: number;
  reason: string;
}

/** The client's end of a stream, of a transport that does not matter. */
export interface StreamClient extends FrameQueue {
  readonly closed: Promise<StreamClosed>;
  /** Reads nothing until `resume`. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}
