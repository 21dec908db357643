/** A read marker of a chat's main timeline moved forward. */
export interface ReadReceipt {
  chatId: string;
  userId: string;
  /** The newest number that the user has read. */
  seq: number;
}

/** Who learns of changes, after their COMMIT. A callback that throws fails the change's caller, though it is made. */
export interface MineCallbacks {
  /** What these chats are to the user has changed: a marker, a followed thread or a preference. `ChatStates` has the state now. */
  stateChanged(userId: string, chatIds: readonly string[]): void;
  read(receipt: ReadReceipt): void;
}
