import type { ConnectionStatus } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { useObservable } from '../ui/observe.js';
import { chat, signIn } from './session.js';

/** A connection that comes at once is not worth a word. */
const PATIENCE_MS = 1000;

/** Says how the connection is, while it is not as it should be. */
export function ConnectionBar() {
  const status = useObservable(chat.status);
  const isWaited = useWaited(status.state === 'connecting' || status.state === 'idle');
  return (
    <div class="connection" role="status">
      {contentOf(status, isWaited)}
    </div>
  );
}

function contentOf(status: ConnectionStatus, isWaited: boolean) {
  if (status.state === 'waiting')
    return (
      <p class="notice">
        <span>No connection. What you write is sent as soon as there is one.</span>
        <button type="button" class="link" onClick={() => chat.connect()}>
          Try now
        </button>
      </p>
    );
  if (status.state === 'stopped')
    return (
      <p class="notice alarm">
        <span>
          {status.error.code === 'UNAUTHENTICATED'
            ? 'Your sign-in has ended. What you have not sent is kept.'
            : status.error.message}
        </span>
        <button type="button" class="link" onClick={() => void signIn()}>
          Sign in again
        </button>
      </p>
    );
  if (isWaited) return <p class="notice">Connecting …</p>;
  return null;
}

function useWaited(isWaiting: boolean): boolean {
  const [isWaited, setWaited] = useState(false);
  useEffect(() => {
    setWaited(false);
    if (!isWaiting) return;
    const timer = setTimeout(() => setWaited(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isWaited && isWaiting;
}
