import type { Schema } from '@chat-api/client';
import { joinChat, listPublicChats } from '@chat-api/client/chats';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { GroupAvatar } from '../ui/avatar.js';
import { go } from '../ui/navigation.js';
import { useObservable } from '../ui/observe.js';
import { Page } from '../ui/page.js';
import { attempt } from '../ui/problems.js';
import { addressOf } from '../ui/routes.js';

const PER_PAGE = 50;
/** Whoever types is asked for no answer to every letter. Milliseconds. */
const TYPING_MS = 200;

/** The public chats, to be joined. */
export function Discover() {
  const { items } = useObservable(chat.inbox());
  const [sought, setSought] = useState('');
  const { chats, hasMore, isLoading, loadMore } = usePublicChats(sought.trim());
  const own = new Set(items.map((item) => item.chat.id));
  const join = (id: string) =>
    attempt(async () => {
      await joinChat(chat, id);
      go({ view: 'chat', chatId: id });
    });
  return (
    <Page title="Find chats">
      <input
        class="search"
        type="search"
        aria-label="Find a public chat by the beginning of its name"
        placeholder="How does its name begin?"
        value={sought}
        onInput={({ currentTarget }) => setSought(currentTarget.value)}
      />
      <ul class="people wide-list" aria-label="Public chats" aria-busy={isLoading}>
        {chats.map(({ id, name, topic, memberCount }) => (
          <li key={id} class="person">
            <GroupAvatar name={name} />
            <span class="person-text">
              <span class="name">{name}</span>
              <span class="quiet">
                {memberCount === 1 ? '1 member' : `${memberCount} members`}
                {topic !== '' && ` · ${topic}`}
              </span>
            </span>
            {own.has(id) ? (
              <a class="secondary" href={addressOf({ view: 'chat', chatId: id })} aria-label={`Open ${name}`}>
                Open
              </a>
            ) : (
              <button type="button" class="primary" aria-label={`Join ${name}`} onClick={() => void join(id)}>
                Join
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="quiet" role="status">
        {!isLoading &&
          chats.length === 0 &&
          (sought.trim() === '' ? 'There is no public chat yet.' : 'The name of no public chat begins like this.')}
      </p>
      {hasMore && (
        <button type="button" class="link" onClick={loadMore}>
          More chats
        </button>
      )}
    </Page>
  );
}

function usePublicChats(query: string) {
  const [chats, setChats] = useState<readonly Schema.PublicChat[]>([]);
  const [hasMore, setMore] = useState(false);
  const [isLoading, setLoading] = useState(true);
  /** An answer that comes behind that to a later question is not shown. */
  const asked = useRef(0);
  const load = async (before: readonly Schema.PublicChat[]) => {
    asked.current += 1;
    const own = asked.current;
    setLoading(true);
    await attempt(async () => {
      const after = before.at(-1)?.id;
      const options = { ...(query !== '' && { query }), ...(after !== undefined && { after }), first: PER_PAGE };
      const page = await listPublicChats(chat, options);
      if (own !== asked.current) return;
      setChats([...before, ...page]);
      setMore(page.length === PER_PAGE);
    });
    if (own === asked.current) setLoading(false);
  };
  useEffect(() => {
    const timer = setTimeout(() => void load([]), query === '' ? 0 : TYPING_MS);
    return () => clearTimeout(timer);
  }, [query]);
  return { chats, hasMore, isLoading, loadMore: () => void load(chats) };
}
