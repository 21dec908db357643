/** What a chat is to one of its members has changed, and not by what others see. Called after COMMIT. */
export type OnStateChanged = (userId: string, chatId: string, ofThreads?: boolean) => void;
