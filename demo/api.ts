// Tokens and GraphQL, with nothing but fetch.

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

/** Runs a GraphQL operation and returns its data. @throws Error with the message of the first GraphQL error */
export async function request<Data>(
  origin: string,
  token: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
  const response = await fetch(`${origin}/graphql/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors }: { data: Data; errors?: { message: string }[] } = JSON.parse(await response.text());
  if (errors?.[0]) throw new Error(errors[0].message);
  return data;
}
