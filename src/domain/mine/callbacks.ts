/** A read marker of a chat's main timeline moved forward. */
export interface ReadReceipt {
  chatId: string;
  userId: string;
  /** The newest number that the user has read. */
  seq: number;
}

/** Who learns of changes, after their COMMIT. A callback that throws fails the change's caller, though it is made. */
export interface MineCallbacks {
  /**
   * What these chats are to the user has changed: a marker, a followed thread or a preference. `ChatStates` has the state now.
   * @param ofThreads whether it is, or may be, about threads: their states are not part of the chat’s
   */
  stateChanged(userId: string, chatIds: readonly string[], ofThreads: boolean): void;
  read(receipt: ReadReceipt): void;
}
