/** What became of a request: an answer, a refusal with its code and perhaps its rule, or nobody knows. */
export type Outcome<Data> =
  | { kind: 'answered'; data: Data }
  | { kind: 'refused'; code: string; rule?: string | undefined }
  | { kind: 'lost'; reason: string };

interface GraphqlBody<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string; rule?: string } }[];
}

/** Longer than any answer may take: what is late is the service's fault and shows in the journal. */
const PATIENCE_MS = 8000;

/** One operation over HTTP. Never rejects. */
export async function ask<Data>(
  origin: string,
  token: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Outcome<Data>> {
  try {
    const response = await fetch(`${origin}/graphql/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body: GraphqlBody<Data> = JSON.parse(await response.text());
    const [error] = body.errors ?? [];
    if (error) return { kind: 'refused', code: error.extensions?.code ?? error.message, rule: error.extensions?.rule };
    if (!body.data) return { kind: 'refused', code: `HTTP ${response.status}` };
    return { kind: 'answered', data: body.data };
  } catch (error) {
    return { kind: 'lost', reason: describe(error) };
  }
}

/** As `ask`, for what has to succeed. */
export async function require<Data>(...request: Parameters<typeof ask>): Promise<Data> {
  const outcome = await ask<Data>(...request);
  if (outcome.kind === 'answered') return outcome.data;
  throw new Error(`${request[2]} was ${outcome.kind}: ${outcome.kind === 'refused' ? outcome.code : outcome.reason}`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
