import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { changeOf, EVENT_FIELDS, type GraphqlEvent } from './graphql-events.js';
import { OPENING_PATIENCE_MS, type OpenStream } from './streams.js';

const SUBSCRIPTION = `subscription ($chat: ID!, $after: String) { chatEvents(chatId: $chat, after: $after) { ${EVENT_FIELDS} } }`;

/** The subscription `chatEvents` with the client of graphql-ws, on a socket of its own. Whether to come back is the listener's. */
export const openGraphqlStream: OpenStream = ({ port, chat, user, after }, handlers) => {
  let isAcknowledged = false;
  let isOver = false;
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql/`,
    webSocketImpl: WebSocket,
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
  client.subscribe<{ chatEvents: GraphqlEvent }>(
    { query: SUBSCRIPTION, variables: { chat: chat.id, after } },
    {
      next: ({ data, errors }) => {
        if (isOver) return;
        // A change with errors is incomplete: a field that could not be read is null. The listener comes back for it.
        if (errors || !data?.chatEvents) end(() => handlers.closed('error', codeOfErrors(errors) ?? 'no data'));
        else handlers.event(data.chatEvents.cursor, changeOf(data.chatEvents));
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
};

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
