/** http to a numeric loopback address, and its port: RFC 8252 §7.3. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(?=[/?]|$)/;

/**
 * Returns the redirect URI of a request when it matches a registered one; undefined when it does not. The URIs are compared as
 * strings (https://datatracker.ietf.org/doc/html/rfc9700#section-2.1), except for the port of a loopback address, which a native
 * app gets only when it starts (https://datatracker.ietf.org/doc/html/rfc8252#section-7.3). The port after `localhost` must match,
 * since that is a name, not an address (§8.3).
 *
 * A request may omit the URI when exactly one is registered (https://datatracker.ietf.org/doc/html/rfc6749#section-3.1.2.3).
 */
export function findRedirectUri(registered: readonly string[], requested: string | undefined): string | undefined {
  if (requested === undefined) return registered.length === 1 ? registered[0] : undefined;
  if (!URL.canParse(requested)) return undefined;
  const comparable = withoutLoopbackPort(requested);
  return registered.some((uri) => withoutLoopbackPort(uri) === comparable) ? requested : undefined;
}

function withoutLoopbackPort(uri: string): string {
  return uri.replace(LOOPBACK, '$1');
}
