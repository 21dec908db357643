import type { Message } from '@chat-api/client';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../ui/announcer.js';
import { spanText, useCountdown } from '../ui/countdown.js';
import { Icon, IconButton } from '../ui/icons.js';
import { attempt } from '../ui/problems.js';
import { candidates, EVERYBODY, mentionAt, mentionsIn } from './mentions.js';
import { useRoomTools } from './room-context.js';

export interface ComposerProps {
  label: string;
  /** The message that one answers or edits, if any. */
  about: { what: 'reply' | 'edit'; message: Message } | undefined;
  onDone: () => void;
  /** The arrow up in an empty field. */
  onEditLast: () => void;
  send: (content: string, mentions: { mentions?: string[]; mentionAll?: boolean; replyTo?: string }) => void;
  typing: () => Promise<void>;
  /** In slow mode: when one may send again, by `Date.now()`. */
  waitUntil: number;
  /** Under which a text that is not sent outlasts a change of the view. */
  draftKey: string;
}

/** Signals that somebody writes are sent as often. Milliseconds. */
const TYPING_MS = 3000;
const MOST_CANDIDATES = 6;
const MOST_CHARACTERS = 4000;

const drafts = new Map<string, string>();

export function Composer({ label, about, onDone, onEditLast, send, typing, waitUntil, draftKey }: ComposerProps) {
  const { room, state } = useRoomTools();
  const [text, setText] = useState(() => drafts.get(draftKey) ?? '');
  const [caret, setCaret] = useState(text.length);
  const [chosen, setChosen] = useState(0);
  const [dismissed, setDismissed] = useState<string | undefined>();
  const field = useRef<HTMLTextAreaElement>(null);
  const told = useRef(0);
  const listId = useId();
  const isEdit = about?.what === 'edit';
  const countdown = useCountdown(waitUntil);
  const wait = isEdit ? 0 : countdown;

  useLayoutEffect(() => {
    if (about?.what === 'edit') setText(about.message.content);
    if (about) field.current?.focus();
  }, [about]);
  useEffect(() => {
    if (!isEdit) drafts.set(draftKey, text);
  }, [text, isEdit, draftKey]);
  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [text]);

  const beginning = mentionAt(text.slice(0, caret));
  const people = state.members.map(({ user }) => user).filter(({ id }) => id !== state.me?.id);
  const everybody = state.viewerCan.includes('mentionAll') ? [{ id: EVERYBODY, username: EVERYBODY }] : [];
  const offered =
    beginning === undefined || beginning === dismissed
      ? []
      : candidates([...people, ...everybody], beginning, MOST_CANDIDATES);
  const at = Math.min(chosen, offered.length - 1);

  useEffect(() => {
    // Brings those among the members who are not loaded yet.
    if (beginning && state.hasMoreMembers) void attempt(() => room.findMembers(beginning, MOST_CANDIDATES));
  }, [beginning, state.hasMoreMembers]);

  const change = (next: string, position: number) => {
    setText(next);
    setCaret(position);
    setChosen(0);
    setDismissed(undefined);
    if (next.trim() === '' || isEdit || Date.now() - told.current < TYPING_MS) return;
    told.current = Date.now();
    // A signal that is lost is missed by nobody.
    typing().catch(() => {});
  };
  const complete = (username: string) => {
    const start = caret - (beginning?.length ?? 0);
    const next = `${text.slice(0, start)}${username} ${text.slice(caret)}`;
    change(next, start + username.length + 1);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(start + username.length + 1, start + username.length + 1);
    });
  };
  const submit = () => {
    const content = text.trim();
    if (content === '') return;
    if (wait > 0) return announce(`You can write again in ${spanText(wait)}`);
    if (about?.what === 'edit') {
      const { id, revision } = about.message;
      void attempt(() => room.edit(id, content, revision));
    } else {
      const { ids, everybody: all } = mentionsIn(content, people);
      send(content, {
        ...(ids.length > 0 && { mentions: ids }),
        ...(all && everybody.length > 0 && { mentionAll: true }),
        ...(about && { replyTo: about.message.id }),
      });
    }
    told.current = 0;
    finish();
  };
  const finish = () => {
    setText('');
    setCaret(0);
    onDone();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const { key } = event;
    if (offered.length > 0 && (key === 'ArrowDown' || key === 'ArrowUp')) {
      setChosen((at + (key === 'ArrowDown' ? 1 : -1) + offered.length) % offered.length);
    } else if (offered.length > 0 && (key === 'Enter' || key === 'Tab')) complete(offered[at]?.username ?? '');
    else if (offered.length > 0 && key === 'Escape') setDismissed(beginning);
    else if (key === 'Enter' && !event.shiftKey) submit();
    else if (key === 'Escape' && about) finish();
    else if (key === 'ArrowUp' && text === '') onEditLast();
    else return;
    event.preventDefault();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {about && (
        <p class="about">
          <Icon name={isEdit ? 'edit' : 'reply'} />
          <span class="about-text">
            {isEdit ? 'You edit your message' : `You answer ${about.message.sender.username}: ${about.message.content}`}
          </span>
          <IconButton icon="close" label={isEdit ? 'Stop editing' : 'Do not answer'} onClick={finish} />
        </p>
      )}
      {wait > 0 && <p class="slow quiet">Slow mode: you can write again in {spanText(wait)}.</p>}
      {offered.length > 0 && (
        <div class="candidates" role="listbox" id={listId} aria-label="People">
          {offered.map(({ id, username }, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and its keys
            // biome-ignore lint/a11y/useFocusableInteractive: as above
            <div
              key={id}
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => complete(username)}
            >
              @{username}
              {id === EVERYBODY && <span class="quiet"> everybody here</span>}
            </div>
          ))}
        </div>
      )}
      <div class="composer-row">
        <textarea
          ref={field}
          rows={1}
          value={text}
          maxLength={MOST_CHARACTERS}
          placeholder={label}
          aria-label={label}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={offered.length > 0 ? listId : undefined}
          aria-activedescendant={offered.length > 0 ? `${listId}-${at}` : undefined}
          onInput={({ currentTarget }) => change(currentTarget.value, currentTarget.selectionEnd)}
          onSelect={({ currentTarget }) => setCaret(currentTarget.selectionEnd)}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          class="send"
          aria-label={isEdit ? 'Save' : 'Send'}
          disabled={text.trim() === '' || wait > 0}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
