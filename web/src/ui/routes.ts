import { useEffect, useState } from 'preact/hooks';

/** What stands beside a conversation. */
const PANELS = ['members', 'pins', 'settings'] as const;
export type PanelName = (typeof PANELS)[number];
export type Panel = { name: PanelName } | { name: 'thread'; rootId: string };

/** What the page shows, by the fragment of its address. */
export type Route =
  | { view: 'home' }
  | { view: 'chat'; chatId: string; panel?: Panel | undefined }
  | { view: 'people' }
  | { view: 'chats' };

export function parseRoute(hash: string): Route {
  const [view, chatId, panel, id] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  if (view === 'people' || view === 'chats') return { view };
  if (view !== 'chat' || !chatId) return { view: 'home' };
  const name = PANELS.find((known) => known === panel);
  if (name) return { view, chatId, panel: { name } };
  if (panel === 'thread' && id) return { view, chatId, panel: { name: 'thread', rootId: id } };
  return { view, chatId };
}

export function addressOf(route: Route): string {
  if (route.view === 'home') return '#/';
  if (route.view !== 'chat') return `#/${route.view}`;
  const { chatId, panel } = route;
  const parts = ['chat', chatId, ...(panel ? [panel.name] : []), ...(panel?.name === 'thread' ? [panel.rootId] : [])];
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function go(route: Route): void {
  location.hash = addressOf(route);
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}
