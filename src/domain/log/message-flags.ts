/** The bits of `messages.flags`. A message without any is plain: its row is all of it. */
export const MESSAGE_FLAGS = {
  deleted: 1,
  /** A reply in a thread that is not in the main timeline. */
  threadOnly: 2,
  /** Has rows in other tables. */
  extras: 8,
} as const;

/** The messages that the main timeline leaves out. */
export const OFF_TIMELINE = MESSAGE_FLAGS.deleted | MESSAGE_FLAGS.threadOnly;
