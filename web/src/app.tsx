import { useEffect, useState } from 'preact/hooks';
import { ChatList } from './chats/chat-list.js';
import { RoomView } from './room/room-view.js';
import { ConnectionBar } from './session/connection-bar.js';
import { chat } from './session/session.js';
import { type Me, Viewer } from './session/viewer.js';
import { Announcer } from './ui/announcer.js';
import { Lazy } from './ui/lazy.js';
import { useRoute } from './ui/navigation.js';
import { useObservable } from './ui/observe.js';
import { Problems } from './ui/problems.js';
import { addressOf, type PageName, type Route } from './ui/routes.js';

const loadDiscover = async () => (await import('./chats/discover.js')).Discover;
const loadInvitations = async () => (await import('./invitations/invitations-page.js')).InvitationsPage;
const loadJoin = async () => (await import('./invitations/join.js')).Join;
const loadReports = async () => (await import('./admin/reports.js')).Reports;
const loadPeople = async () => (await import('./admin/people.js')).People;
const loadChats = async () => (await import('./admin/chats.js')).Chats;

const PAGES = {
  discover: loadDiscover,
  invitations: loadInvitations,
  people: loadPeople,
  chats: loadChats,
  reports: loadReports,
};

const isPage = (route: Route): route is Route & { view: PageName } => route.view in PAGES;

export function App() {
  const route = useRoute();
  const inbox = useObservable(chat.inbox());
  const me = useMe();
  const { messages, mentions } = inbox.unread;
  useEffect(() => {
    const count = mentions > 0 ? `@${mentions}` : messages > 0 ? `${messages}` : '';
    document.title = count === '' ? 'Chat' : `(${count}) Chat`;
  }, [messages, mentions]);

  return (
    <Viewer.Provider value={me}>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the conversation
      </button>
      <div class={`layout ${route.view === 'home' ? 'at-home' : 'at-main'}`}>
        <ChatList inbox={inbox} route={route} />
        <div class="stage">
          <ConnectionBar />
          {route.view === 'chat' && <RoomView key={route.chatId} chatId={route.chatId} panel={route.panel} />}
          {route.view === 'home' && <Nothing hasChats={inbox.items.length > 0} isAdmin={me?.role === 'admin'} />}
          {route.view === 'join' && <Lazy key={route.code} load={loadJoin} props={{ code: route.code }} />}
          {isPage(route) && <Lazy key={route.view} load={PAGES[route.view]} props={{}} />}
        </div>
      </div>
      <Announcer />
      <Problems />
    </Viewer.Provider>
  );
}

function useMe(): Me | null {
  const [me, setMe] = useState<Me | null>(null);
  const { state } = useObservable(chat.status);
  useEffect(() => {
    if (me || state !== 'live') return;
    chat.request<{ me: Me }>('{me{id username role}}').then(
      (answer) => setMe(answer.me),
      // The connection says what is wrong, and it is asked again when that is live.
      () => {},
    );
  }, [state]);
  return me;
}

function Nothing({ hasChats, isAdmin }: { hasChats: boolean; isAdmin: boolean }) {
  return (
    <main id="main" class="nothing" tabIndex={-1}>
      <h1>{hasChats ? 'Choose a chat' : 'No chats yet'}</h1>
      {!hasChats && (
        <>
          <p class="quiet">
            {isAdmin ? 'Make one under “All chats”.' : 'Here they will be, as soon as somebody adds you to one.'}
          </p>
          <a class="secondary" href={addressOf({ view: 'discover' })}>
            Find public chats
          </a>
        </>
      )}
    </main>
  );
}
