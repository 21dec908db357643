import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { attempt } from './problems.js';

interface ConfirmedProps {
  /** What the first button says. */
  label: string;
  /** What the second one says, which does it. */
  action: string;
  act: () => Promise<unknown>;
  /** What it asks. */
  children: ComponentChildren;
}

/** A button that asks before it does something. */
export function Confirmed({ label, action, act, children }: ConfirmedProps) {
  const [isAsked, setAsked] = useState(false);
  const first = useRef<HTMLButtonElement>(null);
  const no = useRef<HTMLButtonElement>(null);
  const isBusy = useRef(false);
  const wasAsked = useRef(false);
  useEffect(() => {
    if (isAsked) no.current?.focus();
    else if (wasAsked.current) first.current?.focus();
    wasAsked.current = isAsked;
  }, [isAsked]);
  const back = () => setAsked(false);
  const run = async () => {
    if (isBusy.current) return;
    isBusy.current = true;
    await attempt(act);
    isBusy.current = false;
  };
  if (!isAsked)
    return (
      <button type="button" class="link danger" ref={first} onClick={() => setAsked(true)}>
        {label}
      </button>
    );
  return (
    <div class="alarm" role="alert">
      <p>{children}</p>
      <div class="buttons">
        <button type="button" class="link danger" onClick={() => void run()}>
          {action}
        </button>
        <button type="button" class="link" ref={no} onClick={back}>
          Cancel
        </button>
      </div>
    </div>
  );
}
