import { ExternalSignInError } from './provider.js';
import { PROVIDER_TIMEOUT_MS } from './provider-client.js';

/** Fetches a JSON object from a provider. @throws ExternalSignInError for any other answer */
export async function fetchJson(url: URL, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    headers: { accept: 'application/json', 'user-agent': 'chat-api', ...headers },
    redirect: 'error',
    signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new ExternalSignInError(`${url.origin} could not be reached.`, { cause: error });
  });
  if (!response.ok) throw new ExternalSignInError(`${url.origin}${url.pathname} answered ${response.status}.`);
  const body = parse(await readText(response, url));
  if (typeof body !== 'object' || body === null)
    throw new ExternalSignInError(`${url.origin}${url.pathname} did not answer with a JSON object.`);
  return { ...body };
}

/** Bytes. The metadata and keys of large providers have tens of thousands. */
const MAX_ANSWER = 1024 * 1024;

/** Reads the text of an answer. @throws ExternalSignInError for more than MAX_ANSWER bytes and for an aborted answer */
export async function readText(response: Response, { origin, pathname }: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MAX_ANSWER) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ExternalSignInError(`${origin}${pathname} aborted its answer.`, { cause: error });
  }
  if (size > MAX_ANSWER) throw new ExternalSignInError(`${origin}${pathname} answered more than ${MAX_ANSWER} bytes.`);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value when it is a non-empty string, otherwise undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
