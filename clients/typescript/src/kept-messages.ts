import type { PendingMessage } from './room-state.js';
import type { ChatStorage } from './storage.js';

export type KeptMessage = Pick<PendingMessage, 'nonce' | 'content' | 'options' | 'createdAt'>;

/** What is sent and not acknowledged, in a storage that outlasts a reload. It is loaded where there is a storage. */
export interface KeptMessages {
  /** All that are kept, of this tab and others. */
  restore(): Promise<KeptMessage[]>;
  add(message: KeptMessage): void;
  remove(nonce: string): void;
}

export function keepMessages(storage: ChatStorage, key: string, failed: (error: unknown) => void): KeptMessages {
  let last: Promise<unknown> = Promise.resolve();

  /** One change after the other: another tab of the user may have added something. */
  const change = (to: (kept: KeptMessage[]) => KeptMessage[]): Promise<KeptMessage[]> => {
    const changed = last.then(async () => {
      const text = await storage.getItem(key);
      const kept = to(text ? JSON.parse(text) : []);
      if (kept.length > 0) await storage.setItem(key, JSON.stringify(kept));
      else if (text) await storage.removeItem(key);
      return kept;
    });
    last = changed.catch(failed);
    return changed.catch(() => []);
  };

  const without = (kept: readonly KeptMessage[], nonce: string) => kept.filter((message) => message.nonce !== nonce);
  return {
    restore: () => change((kept) => kept),
    add({ nonce, content, options, createdAt }) {
      void change((kept) => [...without(kept, nonce), { nonce, content, options, createdAt }]);
    },
    remove: (nonce) => void change((kept) => without(kept, nonce)),
  };
}
