/** Origins that may open a socket; `*` for any. */
export type AllowedOrigins = readonly string[] | '*';

/**
 * May a page of this origin open a socket to this host? Browsers ask nobody before they open one, so the server has to
 * look (https://datatracker.ietf.org/doc/html/rfc6455#section-10.2). What is no browser sends no origin and may.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: AllowedOrigins,
): boolean {
  if (origin === undefined || allowed === '*' || allowed.includes(origin)) return true;
  // `null` and other things that are no URL are nobody's origin.
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase();
}
