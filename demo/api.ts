// Tokens, with nothing but fetch. An application of your own would use another grant (docs/oauth.md).

export interface Client {
  id: string;
  secret: string;
}

export interface Person {
  username: string;
  password: string;
}

/** Gets an access token with the password grant. */
export async function signIn(origin: string, client: Client, { username, password }: Person): Promise<string> {
  const response = await fetch(`${origin}/oauth/token/`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'password',
      username,
      password,
      client_id: client.id,
      client_secret: client.secret,
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${username} got no token: ${text}`);
  const { access_token: accessToken }: { access_token: string } = JSON.parse(text);
  return accessToken;
}
