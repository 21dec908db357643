/** A frame of the server as JSON: one object, on every transport but GraphQL. */
export interface Frame {
  readonly type: string;
  /** A client that comes back with it misses nothing that followed this frame, and hears nothing up to it twice. */
  readonly cursor?: string;
  /** The same in a stream of several chats, where `cursor` is that of one chat. */
  readonly position?: string;
  /** The chat that it is about, where the stream is of several. */
  readonly chatId?: string | undefined;
}
