import { ChatError } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { IconButton } from './icons.js';

type Listener = (text: string) => void;
const listeners = new Set<Listener>();
const SHOWN_MS = 8000;

/** Shows what went wrong, where nothing else on the page does. */
export function showProblem(error: unknown): void {
  const text = textOf(error);
  for (const listener of listeners) listener(text);
}

/** Does something, and shows why it could not be done. @returns whether it was done */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    showProblem(error);
    return false;
  }
}

export function textOf(error: unknown): string {
  if (!(error instanceof ChatError)) return String(error);
  if (error.code === 'NETWORK') return 'The service could not be reached. Try again.';
  if (error.code === 'INTERNAL_SERVER_ERROR') return 'Something went wrong at the service. Try again.';
  return error.message;
}

export function Problems() {
  const [text, setText] = useState('');
  useEffect(() => {
    listeners.add(setText);
    return () => void listeners.delete(setText);
  }, []);
  useEffect(() => {
    if (text === '') return;
    const timer = setTimeout(() => setText(''), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="problems" role="alert">
      {text !== '' && (
        <p class="toast">
          {text}
          <IconButton icon="close" label="Dismiss" onClick={() => setText('')} />
        </p>
      )}
    </div>
  );
}
