import type { Room, RoomState } from '@chat-api/client';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** What came is read when it has been in view for so long. Milliseconds. */
const READ_MS = 500;

/**
 * Moves the read marker while the newest message is in view, of a window that somebody looks at.
 * @returns the number after which everything was unread when the room was opened, for the divider
 */
export function useReadMarker(room: Room, { status, cursor, viewer, chat, messages }: RoomState) {
  const [unreadAfter, setUnreadAfter] = useState<number | undefined>();
  const [isSeen, setSeen] = useState(false);
  const isAtEnd = useRef(true);
  const onEnd = useCallback((at: boolean) => {
    isAtEnd.current = at;
    setSeen(at && document.hasFocus());
  }, []);

  const isLoaded = status === 'ready' && chat !== null;
  useEffect(() => {
    const isUnread = (messages.at(-1)?.seq ?? 0) > (viewer?.readSeq ?? 0);
    if (isLoaded) setUnreadAfter(isUnread ? viewer?.readSeq : undefined);
  }, [isLoaded, room]);
  // Marked as unread, here or elsewhere.
  const readSeq = viewer?.readSeq;
  const before = useRef(readSeq);
  useEffect(() => {
    if (readSeq !== undefined && readSeq < (before.current ?? 0)) setUnreadAfter(readSeq);
    before.current = readSeq;
  }, [readSeq]);
  useEffect(() => {
    const look = () => setSeen(isAtEnd.current && document.hasFocus());
    addEventListener('focus', look);
    addEventListener('blur', look);
    return () => {
      removeEventListener('focus', look);
      removeEventListener('blur', look);
    };
  }, []);
  useEffect(() => {
    if (!isSeen || !isLoaded || !viewer) return;
    const timer = setTimeout(() => {
      // What is not marked now is marked with the next message.
      room.markRead().catch(() => {});
    }, READ_MS);
    return () => clearTimeout(timer);
  }, [isSeen, isLoaded, cursor, viewer === null]);
  return { unreadAfter, onEnd };
}
