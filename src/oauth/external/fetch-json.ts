import { PROVIDER_PATIENCE_MS } from './oauth-client.js';
import { ExternalSignInError } from './provider.js';

/** The members of the JSON object at an address of a provider. @throws ExternalSignInError for any other answer */
export async function fetchJson(url: URL, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    headers: { accept: 'application/json', 'user-agent': 'chat-api', ...headers },
    redirect: 'error',
    signal: AbortSignal.timeout(PROVIDER_PATIENCE_MS),
  }).catch((error: unknown) => {
    throw new ExternalSignInError(`${url.origin} could not be asked.`, { cause: error });
  });
  if (!response.ok) throw new ExternalSignInError(`${url.origin}${url.pathname} answered ${response.status}.`);
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== 'object' || body === null)
    throw new ExternalSignInError(`${url.origin}${url.pathname} did not answer with a JSON object.`);
  return { ...body };
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
