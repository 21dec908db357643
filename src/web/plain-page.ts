import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; }
body { max-width: 34rem; margin: 0 auto; padding: 3rem 1.25rem; font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
dt { font-weight: 600; }
dd { margin: 0 0 .75rem; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** The page runs no script and loads nothing. */
export const PLAIN_PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-cache',
} as const;

const INTERFACES: readonly (readonly [string, string])[] = [
  ['GraphQL, over HTTP and graphql-transport-ws', '/graphql/'],
  ['WebSocket of one chat', '/ws/chat/<name>/'],
  ['WebSocket of all chats', '/ws/inbox/'],
  ['Server-sent events of one chat', '/sse/chat/<name>/'],
  ['Server-sent events of all chats', '/sse/inbox/'],
  ['Incoming hooks, which programs post messages by', '/hooks/<token>/'],
  ['OAuth2 tokens', '/oauth/token/'],
  ['OAuth2 metadata', '/.well-known/oauth-authorization-server'],
];

const PAGES = {
  about: [
    200,
    `<p>This is the server of a chat. Programs talk to it here:</p>
<dl>
${INTERFACES.map(([name, path]) => `<dt>${name}</dt>\n<dd><code>${path.replace(/</g, '&lt;')}</code></dd>`).join('\n')}
</dl>`,
  ],
  notBuilt: [503, '<p>The web client is not built. Run <code>npm run build</code>, and start the service again.</p>'],
} as const;

/** What `/` shows in place of the web client, with its status. */
export function plainPage(which: keyof typeof PAGES): [status: number, page: string] {
  const [status, main] = PAGES[which];
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Chat API</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Chat API</h1>
${main}
</main>
</body>
</html>
`;
  return [status, page];
}
