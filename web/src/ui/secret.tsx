import { useRef, useState } from 'preact/hooks';

/** Something that is shown once, to be copied. */
export function Secret({ text, label }: { text: string; label: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState<'no' | 'yes' | 'by hand'>('no');
  const copy = async () => {
    try {
      // A page that is not on https has no clipboard.
      await navigator.clipboard.writeText(text);
      setCopied('yes');
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      setCopied('by hand');
    }
  };
  return (
    <div class="secret">
      <code ref={code}>{text}</code>
      <button type="button" class="secondary" aria-label={`Copy ${label}`} onClick={() => void copy()}>
        Copy
      </button>
      <span class="quiet" role="status">
        {copied === 'yes' && 'Copied.'}
        {copied === 'by hand' && 'It is marked: copy it with the keyboard.'}
      </span>
    </div>
  );
}
