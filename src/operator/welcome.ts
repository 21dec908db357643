export interface WelcomeFacts {
  origin: string;
  username: string;
  password: string;
  clientId: string;
  clientSecret: string;
  chat: { id: string; name: string; epoch: string };
}

/** What is printed once, on the first start outside production: how to go on, with commands to paste into a shell. */
export function welcomeText(facts: WelcomeFacts): string {
  const { origin, username, password, clientId, clientSecret, chat } = facts;
  return `
The database was empty. It now has an admin, an application that may ask for tokens, and a chat. This is shown once:

  admin            ${username}
  password         ${password}
  client_id        ${clientId}
  client_secret    ${clientSecret}

GraphiQL, to explore the API in a browser: ${origin}/graphql/

To see a message travel, paste these into a shell in this folder, in this order.

1. Get a token:

${getToken(facts)}

2. Send a message to the chat "${chat.name}":

${sendMessage(facts)}

3. Listen on the raw channel, from the chat's beginning on (Ctrl-C ends it). 1 and 2 in a second terminal send more:

${listen(facts)}

`;
}

function getToken({ origin, username, password, clientId, clientSecret }: WelcomeFacts): string {
  const form = {
    grant_type: 'password',
    username,
    password,
    client_id: clientId,
    client_secret: clientSecret,
  };
  const fields = Object.entries(form).map(([name, value]) => formField(name, value));
  return `TOKEN=$(curl -sS ${origin}/oauth/token/ ${fields.join(' ')} | node -p 'JSON.parse(fs.readFileSync(0)).access_token')`;
}

function sendMessage({ origin, chat }: WelcomeFacts): string {
  const query = `mutation { sendMessage(chatId: "${chat.id}", content: "Hello") { seq content createdAt } }`;
  const headers = `-H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`;
  return `curl -sS ${origin}/graphql/ ${headers} -d ${quoted(JSON.stringify({ query }))}; echo`;
}

/** A program for the reader's shell: what it logs is what the reader wants to see. */
function listen({ origin, chat }: WelcomeFacts): string {
  const url = `${origin.replace(/^http/, 'ws')}/ws/chat/${encodeURIComponent(chat.name)}/?after=${chat.epoch}:0`;
  const socket = `new WebSocket('${url}', { headers: { authorization: 'Bearer $TOKEN' } })`;
  const script = `import WebSocket from 'ws'; ${socket}.on('message', (frame) => console.log(String(frame)))`;
  return `node --input-type=module -e "${script}"`;
}

function formField(name: string, value: string): string {
  // Where nothing needs it, the command reads better without quotes and escapes.
  return /^[\w.-]*$/.test(value) ? `-d ${name}=${value}` : `--data-urlencode ${quoted(`${name}=${value}`)}`;
}

/** As one word of a POSIX shell, whatever it holds. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
