/** An access token by the password grant. */
export async function signIn(origin: string, credentials: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'password', ...credentials });
  const response = await fetch(`${origin}/oauth/token/`, { method: 'POST', body });
  const { access_token: token }: { access_token?: string } = JSON.parse(await response.text());
  if (token === undefined) throw new Error(`Signing in as ${credentials.username} was answered ${response.status}.`);
  return token;
}
