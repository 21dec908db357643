/** Something that the client has dealt with, and that an application may want to show or log. */
export type Notice =
  /** The service’s history was replaced (a restored backup): inbox and rooms are loaded anew. */
  | { type: 'reset' }
  /** So much of a chat was missed that its room is loaded anew in place of following every event. Its `events()` have them all. */
  | { type: 'gap'; chatId: string; after: string; cursor: string }
  /** The storage failed: what is being sent may not outlast a reload. */
  | { type: 'storage'; error: unknown };
