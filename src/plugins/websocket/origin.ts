/** Origins that may open a socket; `*` for any. */
export type AllowedOrigins = readonly string[] | '*';

/** The service's own addresses: the configured public origin and the request's `Host`. */
export interface OwnAddress {
  publicUrl: string | undefined;
  host: string | undefined;
}

/**
 * Whether a page of this origin may open a socket. CORS does not apply to WebSockets, so the server has to check the origin
 * (https://datatracker.ietf.org/doc/html/rfc6455#section-10.2). A request without an origin is not from a browser and allowed.
 */
export function isOriginAllowed(origin: string | undefined, own: OwnAddress, allowed: AllowedOrigins): boolean {
  if (origin === undefined || allowed === '*' || allowed.includes(origin)) return true;
  return isOwnOrigin(origin, own);
}

/**
 * Whether an origin is the service's own: the configured one, or that of `Host`, which a proxy may have replaced by its own
 * name. Ignores default ports, case, and a trailing dot.
 */
export function isOwnOrigin(origin: string, { publicUrl, host }: OwnAddress): boolean {
  // `null` is not a URL.
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (publicUrl !== undefined) {
    const address = new URL(publicUrl);
    if (page.protocol === address.protocol && withoutDot(page.host) === withoutDot(address.host)) return true;
  }
  // Uses the page's scheme: behind a proxy that terminates TLS the request's own is unknown.
  if (host === undefined || !/^[^\s/?#@\\]+$/.test(host) || !URL.canParse(`${page.protocol}//${host}`)) return false;
  return page.host !== '' && withoutDot(page.host) === withoutDot(new URL(`${page.protocol}//${host}`).host);
}

function withoutDot(host: string): string {
  return host.replace(/\.(?=$|:\d+$)/, '');
}
