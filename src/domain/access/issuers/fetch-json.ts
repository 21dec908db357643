/** A provider could not be asked, or its answer was not what it must be. The message is for the log. */
export class ProviderError extends Error {
  override readonly name: string = 'ProviderError';
}

/** How long a request to a provider may take, in milliseconds. */
export const PROVIDER_TIMEOUT_MS = 5000;
/** Bytes. The metadata and keys of large providers have tens of thousands. */
const MAX_ANSWER = 1024 * 1024;

export interface FetchOptions {
  headers?: Record<string, string>;
  /** The longest answer, in bytes. Default: 1 MiB. */
  maxBytes?: number;
}

/** Fetches a JSON object from a provider. Follows no redirect. @throws ProviderError for any other answer */
export async function fetchJson(
  url: URL,
  { headers, maxBytes = MAX_ANSWER }: FetchOptions = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    headers: { accept: 'application/json', 'user-agent': 'chat-api', ...headers },
    redirect: 'error',
    signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new ProviderError(`${url.origin} could not be reached.`, { cause: error });
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new ProviderError(`${url.origin}${url.pathname} answered ${response.status}.`);
  }
  const body = parse(await readText(response, url, maxBytes));
  if (typeof body !== 'object' || body === null)
    throw new ProviderError(`${url.origin}${url.pathname} did not answer with a JSON object.`);
  return { ...body };
}

/** Reads the text of an answer. @throws ProviderError for more than `maxBytes` bytes and for an aborted answer */
export async function readText(
  response: Response,
  { origin, pathname }: URL,
  maxBytes: number = MAX_ANSWER,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ProviderError(`${origin}${pathname} aborted its answer.`, { cause: error });
  }
  if (size > maxBytes) throw new ProviderError(`${origin}${pathname} answered more than ${maxBytes} bytes.`);
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
