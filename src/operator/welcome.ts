export interface WelcomeFacts {
  origin: string;
  /** Signs the admin in and opens the chat, in the web client. Undefined where that is not served. */
  signInAddress: string | undefined;
  username: string;
  /** The generated password. Undefined when it was configured: configured secrets are never printed. */
  password: string | undefined;
  clientId: string;
  /** The generated secret. Undefined when it was configured. */
  clientSecret: string | undefined;
  chat: { id: string; name: string; epoch: string };
}

/** The text printed once, at the first start outside production: credentials, and commands to paste into a shell. */
export function welcomeText(facts: WelcomeFacts): string {
  const { origin, username, password, clientId, clientSecret, chat } = facts;
  return `${open(facts)}
The database was empty. It now has an admin, an application that may ask for tokens, and a chat. This is shown once:

  admin            ${username}
  password         ${password ?? 'as in ADMIN_PASSWORD'}
  client_id        ${clientId}
  client_secret    ${clientSecret ?? 'as in OAUTH_CLIENT_SECRET'}

GraphiQL, to explore the API in a browser: ${origin}/graphql/

To see a message travel, paste these into a shell in this folder, in this order.${given(facts)}

1. Get a token:

${getToken(facts)}

2. Send a message to the chat "${chat.name}":

${sendMessage(facts)}

3. Listen on the raw channel, from the chat's beginning on (Ctrl-C ends it). 1 and 2 in a second terminal send more:

${listen(facts)}

`;
}

function open({ signInAddress }: WelcomeFacts): string {
  if (signInAddress === undefined) return '';
  return `
Open this address in a browser, within five minutes. It signs you in as the admin, once, and opens a chat:

  ${signInAddress}
`;
}

/** Names the shell variables that the commands use for secrets that are not printed. */
function given({ password, clientSecret }: WelcomeFacts): string {
  const names = [
    ...(password === undefined ? ['ADMIN_PASSWORD'] : []),
    ...(clientSecret === undefined ? ['OAUTH_CLIENT_SECRET'] : []),
  ];
  return names.length === 0 ? '' : `\nThe shell has to know ${names.join(' and ')} too.`;
}

function getToken({ origin, username, password, clientId, clientSecret }: WelcomeFacts): string {
  const fields = [
    formField('grant_type', 'password'),
    formField('username', username),
    password === undefined ? '--data-urlencode "password=$ADMIN_PASSWORD"' : formField('password', password),
    formField('client_id', clientId),
    clientSecret === undefined
      ? '--data-urlencode "client_secret=$OAUTH_CLIENT_SECRET"'
      : formField('client_secret', clientSecret),
  ];
  return `TOKEN=$(curl -sS ${origin}/oauth/token/ ${fields.join(' ')} | node -p 'JSON.parse(fs.readFileSync(0)).access_token')`;
}

function sendMessage({ origin, chat }: WelcomeFacts): string {
  const query = `mutation { sendMessage(chatId: "${chat.id}", content: "Hello") { seq content createdAt } }`;
  const headers = `-H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`;
  return `curl -sS ${origin}/graphql/ ${headers} -d ${quoted(JSON.stringify({ query }))}; echo`;
}

/** A shell command that prints every frame of the raw channel. */
function listen({ origin, chat }: WelcomeFacts): string {
  const url = `${origin.replace(/^http/, 'ws')}/ws/chat/${encodeURIComponent(chat.name)}/?after=${chat.epoch}:0`;
  const socket = `new WebSocket('${url}', { headers: { authorization: 'Bearer $TOKEN' } })`;
  const script = `import WebSocket from 'ws'; ${socket}.on('message', (frame) => console.log(String(frame)))`;
  return `node --input-type=module -e "${script}"`;
}

function formField(name: string, value: string): string {
  // Simple values are shown without quotes and escapes, for readability.
  return /^[\w.-]*$/.test(value) ? `-d ${name}=${value}` : `--data-urlencode ${quoted(`${name}=${value}`)}`;
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
