/** What stands beside a conversation. */
const PANELS = ['members', 'pins', 'settings', 'invite', 'bans', 'reports'] as const;
export type PanelName = (typeof PANELS)[number];
export type Panel = { name: PanelName } | { name: 'thread'; rootId: string };

/** Views of their own. */
const PAGES = ['discover', 'invitations', 'people', 'chats', 'reports'] as const;
export type PageName = (typeof PAGES)[number];

/** What the page shows, by the fragment of its address. */
export type Route =
  | { view: 'home' }
  | { view: 'chat'; chatId: string; panel?: Panel | undefined }
  /** The address of a link of invitation. */
  | { view: 'join'; code: string }
  | { view: PageName };

export function parseRoute(hash: string): Route {
  const [view, chatId, panel, id] = hash.replace(/^#\/?/, '').split('/').map(decoded);
  const page = PAGES.find((known) => known === view);
  if (page) return { view: page };
  if (view === 'join' && chatId) return { view, code: chatId };
  if (view !== 'chat' || !isId(chatId)) return { view: 'home' };
  const name = PANELS.find((known) => known === panel);
  if (name) return { view, chatId, panel: { name } };
  if (panel === 'thread' && isId(id)) return { view, chatId, panel: { name: 'thread', rootId: id } };
  return { view, chatId };
}

/** A chat that cannot be there is not asked for: the service would refuse all that is asked for with it. */
function isId(part: string | undefined): part is string {
  return part !== undefined && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(part);
}

/** An address that somebody has cut or made up is no reason to show nothing. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function addressOf(route: Route): string {
  if (route.view === 'home') return '#/';
  if (route.view === 'join') return `#/join/${encodeURIComponent(route.code)}`;
  if (route.view !== 'chat') return `#/${route.view}`;
  const { chatId, panel } = route;
  const parts = ['chat', chatId, ...(panel ? [panel.name] : []), ...(panel?.name === 'thread' ? [panel.rootId] : [])];
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}
