import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { User } from '../world.js';
import { changeOf, EVENT_FIELDS, type GraphqlEvent } from './graphql-events.js';
import {
  type EndHandlers,
  type InboxHandlers,
  OPENING_PATIENCE_MS,
  type OpenInbox,
  type OpenStream,
} from './streams.js';

const CHAT = `subscription ($chat: ID!, $after: String) { chatEvents(chatId: $chat, after: $after) { ${EVENT_FIELDS} } }`;

const INBOX = `subscription ($after: String, $maxMissed: Int) { inbox(after: $after, maxMissed: $maxMissed) {
  __typename position chatId
  ... on InboxChatEvent { event { ${EVENT_FIELDS} } }
  ... on InboxGap { after cursor }
} }`;

type InboxEvent = { position: string; chatId: string } & (
  | { __typename: 'InboxChatEvent'; event: GraphqlEvent }
  | { __typename: 'InboxGap'; after: string; cursor: string }
  | { __typename: 'InboxState' }
);

interface Operation {
  port: number;
  user: User;
  query: string;
  variables: Record<string, unknown>;
}

/** The subscription `chatEvents`. */
export const openGraphqlStream: OpenStream = ({ port, chat, user, after }, handlers) =>
  subscribe<{ chatEvents: GraphqlEvent }>(
    { port, user, query: CHAT, variables: { chat: chat.id, after } },
    handlers,
    ({ chatEvents }) => handlers.event(chatEvents.cursor, changeOf(chatEvents)),
  );

/** The subscription `inbox`. */
export const openGraphqlInbox: OpenInbox = ({ port, user, after, maxMissed }, handlers) =>
  subscribe<{ inbox: InboxEvent }>(
    { port, user, query: INBOX, variables: { after, maxMissed } },
    handlers,
    ({ inbox }) => takeInboxEvent(inbox, handlers),
  );

function takeInboxEvent(inbox: InboxEvent, handlers: InboxHandlers): void {
  const { position, chatId: chat } = inbox;
  switch (inbox.__typename) {
    case 'InboxChatEvent':
      handlers.event(position, { chat, cursor: inbox.event.cursor, change: changeOf(inbox.event) });
      return;
    case 'InboxGap':
      handlers.gap(position, { chat, after: inbox.after, cursor: inbox.cursor });
      return;
    case 'InboxState':
      handlers.state(position, chat);
  }
}

/** When it is ended before it is open, it emits an error that the client does not listen for. */
class Socket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.on('error', () => {});
  }
}

/** One subscription with the client of graphql-ws, on a socket of its own. Whether to come back is the listener's. */
function subscribe<Data>(
  { port, user, query, variables }: Operation,
  handlers: EndHandlers,
  take: (data: Data) => void,
): () => void {
  let isAcknowledged = false;
  let isOver = false;
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql/`,
    webSocketImpl: Socket,
    connectionParams: { authorization: `Bearer ${user.token}` },
    connectionAckWaitTimeout: OPENING_PATIENCE_MS,
    retryAttempts: 0,
    // By default a fatal close is printed.
    onNonLazyError: () => {},
    on: {
      connected: () => {
        isAcknowledged = true;
      },
    },
  });
  const end = (tell: () => void) => {
    if (isOver) return;
    isOver = true;
    tell();
    void client.dispose();
  };
  client.subscribe<Data>(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (isOver) return;
        // A change with errors is incomplete: a field that could not be read is null. The listener comes back for it.
        if (errors || !data) end(() => handlers.closed('error', codeOfErrors(errors) ?? 'no data'));
        else take(data);
      },
      error: (error) =>
        end(() => {
          const code = codeOfErrors(error);
          if (code !== undefined) handlers.refused(code);
          else tellClose(error);
        }),
      complete: () => end(() => handlers.closed('complete', '')),
    },
  );

  const tellClose = (error: unknown) => {
    const { code, reason } = closeOf(error);
    if (isAcknowledged) handlers.closed(String(code), reason);
    else if (code === 1013) handlers.refused('SERVICE_UNAVAILABLE');
    else handlers.refused(code === 1006 || code === 0 ? 'UNREACHABLE' : `${code} ${reason}`);
  };

  return () => end(() => client.terminate());
}

/** Of the errors of an operation. */
function codeOfErrors(error: unknown): string | undefined {
  if (!Array.isArray(error)) return undefined;
  const [first]: { message: string; extensions?: { code?: string } }[] = error;
  return first?.extensions?.code ?? first?.message ?? 'no error';
}

/** Of the event that a WebSocket closes with; a connection that failed otherwise has the code 0. */
function closeOf(error: unknown): { code: number; reason: string } {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'number')
    return { code: 0, reason: String(error) };
  return { code: error.code, reason: 'reason' in error ? String(error.reason) : '' };
}
