/** The HTML page that loads GraphiQL. `endpoint` and `assets` are paths of this service. */
export function page(endpoint: string, assets: string, files: readonly { path: string; type: string }[]): string {
  const tags = files.map(({ path, type }) =>
    type.startsWith('text/css')
      ? `<link rel="stylesheet" href="${assets}/${path}">`
      : `<script src="${assets}/${path}" defer></script>`,
  );
  return document(
    `
  ${tags.join('\n  ')}
  <link rel="stylesheet" href="${assets}/page.css">
  <script src="${assets}/page.js" defer data-endpoint="${endpoint}"></script>`,
    `
<form id="sign-in" method="post">
  <strong>Sign in</strong>
  <label>Username <input name="username" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <label>Client id <input name="client_id" autocomplete="off" required></label>
  <label>Client secret <input name="client_secret" type="password" autocomplete="off"></label>
  <button>Get a token</button>
  <output></output>
</form>
<div id="graphiql">Loading GraphiQL …</div>`,
  );
}

/** The page that is shown when GraphiQL's packages are not installed. */
export function missingPage(packages: readonly string[]): string {
  return document(
    '',
    `
<h1>GraphiQL is not installed</h1>
<p>This page needs the npm packages ${[...new Set(packages)].map((name) => `<code>${name}</code>`).join(', ')}, which are
development dependencies of this service. Install them with <code>npm ci</code> and start the service again.</p>
<p>The GraphQL API on this path works without them.</p>`,
  );
}

function document(head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>GraphiQL</title>
  <link rel="icon" href="data:,">${head}
</head>
<body>${body}
</body>
</html>
`;
}

export const STYLES = `
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 14px/1.4 system-ui, sans-serif; }
#sign-in { display: flex; flex-wrap: wrap; gap: 0.4em 1em; align-items: baseline; padding: 0.5em 1em; border-bottom: 1px solid #ccc; }
#sign-in input { width: 11em; font: inherit; }
#sign-in button { font: inherit; }
#graphiql { flex: 1; min-height: 0; }
`;

/**
 * Runs in the browser. The token is the value of the Authorization header in GraphiQL's editor, for HTTP and the socket; it is
 * stored nowhere else. An Authorization header without a token is a placeholder and not sent.
 */
export const SCRIPT = `'use strict';
(() => {
  const endpoint = new URL(document.currentScript.dataset.endpoint, location.href);
  const socketEndpoint = new URL(endpoint);
  socketEndpoint.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

  const QUERY = \`# Sign in above, or put a token into the header below.
query Me {
  me { username role }
  chats { id name cursor }
}

subscription Listen($chatId: ID!, $after: String) {
  chatEvents(chatId: $chatId, after: $after) {
    cursor
    ... on MessageCreated {
      message { content sender { username } }
    }
  }
}
\`;

  const withToken = (token) => JSON.stringify({ Authorization: 'Bearer ' + token }, null, 2);

  const usable = (headers = {}) =>
    Object.fromEntries(Object.entries(headers).filter(([name, value]) =>
      name.toLowerCase() !== 'authorization' || !/^(bearer)?$/i.test(String(value).trim())));

  const authorizationOf = (headers) =>
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];

  let socket;
  const socketFor = (authorization) => {
    if (!socket || socket.authorization !== authorization) {
      socket?.client.dispose();
      const client = graphqlWs.createClient({
        url: socketEndpoint.href,
        connectionParams: authorization === undefined ? {} : { authorization },
      });
      socket = { authorization, client };
    }
    return socket.client;
  };

  const readable = (error) =>
    error instanceof CloseEvent ? new Error('The socket was closed: ' + error.code + ' ' + error.reason) : error;

  const listen = (operation, headers) => ({
    subscribe: (observer) => ({
      unsubscribe: socketFor(authorizationOf(headers)).subscribe(operation, {
        next: (result) => observer.next(result),
        error: (error) => observer.error(readable(error)),
        complete: () => observer.complete(),
      }),
    }),
  });

  const send = async (operation, headers) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', Accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify(operation),
    });
    return response.json();
  };

  const isSubscription = ({ operationName }, tree) =>
    tree?.definitions.some((node) => node.operation === 'subscription' &&
      (operationName == null || node.name?.value === operationName)) ?? false;

  const fetcher = (operation, { headers, documentAST } = {}) =>
    (isSubscription(operation, documentAST) ? listen : send)(operation, usable(headers));

  const root = ReactDOM.createRoot(document.getElementById('graphiql'));
  const show = (token) => root.render(React.createElement(GraphiQL, {
    fetcher,
    headers: withToken(token),
    defaultHeaders: withToken(token),
    defaultQuery: QUERY,
    defaultEditorToolsVisibility: 'headers',
    shouldPersistHeaders: false,
  }));
  show('');

  const form = document.getElementById('sign-in');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const output = form.querySelector('output');
    const fields = new URLSearchParams(new FormData(form));
    if (fields.get('client_secret') === '') fields.delete('client_secret');
    fields.set('grant_type', 'password');
    output.textContent = '…';
    try {
      const response = await fetch('/oauth/token/', { method: 'POST', body: fields });
      const answer = await response.json();
      output.textContent = response.ok ? 'Signed in.' : answer.error_description ?? answer.error;
      if (response.ok) show(answer.access_token);
    } catch (error) {
      output.textContent = String(error);
    }
  });
})();
`;
