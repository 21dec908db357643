import type { Message, Room, SendOptions } from '@chat-api/client';
import { useCallback, useMemo, useState } from 'preact/hooks';

/**
 * The timeline with what the service has acknowledged, and has not told as an event yet: it is not being sent any more, and must not be
 * missing for a moment.
 */
export function useSent(room: Room, messages: readonly Message[]) {
  const [sent, setSent] = useState<readonly Message[]>([]);
  const newest = messages.at(-1)?.seq ?? 0;
  const send = useCallback(
    (content: string, options: SendOptions) => {
      room.send(content, options).then(
        (message) => setSent((before) => [...before.filter(({ seq }) => seq > newest), message]),
        // It stands among what was not sent, with the reason.
        () => {},
      );
    },
    [room, newest],
  );
  const shown = useMemo(() => {
    const ahead = sent.filter(({ seq }) => seq > newest);
    return ahead.length === 0 ? messages : [...messages, ...ahead.sort((one, other) => one.seq - other.seq)];
  }, [messages, sent, newest]);
  return { shown, send };
}
