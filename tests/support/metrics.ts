/** The values of `/metrics` by their lines' names and labels: `chat_connections{kind="graphql"}`. */
export async function readMetrics(origin: string, headers: Record<string, string> = {}): Promise<Map<string, number>> {
  const response = await fetch(`${origin}/metrics`, { headers });
  if (!response.ok) throw new Error(`The metrics were answered with ${response.status}.`);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    const [, name, value] = /^([a-z]\S*(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) values.set(name, Number(value));
  }
  return values;
}

/** The names of the metrics in a text of `/metrics`. */
export function metricNames(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
}
