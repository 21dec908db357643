/** The address at which a service with these settings is reached from its own machine. */
export function localUrl({ host, port }: { host: string; port: number }): string {
  const own = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${own.includes(':') ? `[${own}]` : own}:${port}`;
}
