/** http to the loopback addresses written as numbers, with the port apart: RFC 8252 §7.3. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(?=[/?]|$)/;

/**
 * The registered redirect URI that a request's URI stands for, as the request has it; undefined when it is none of them.
 * The two are compared as strings (https://datatracker.ietf.org/doc/html/rfc9700#section-2.1), but for the port of a native
 * app's loopback address, which it learns when it starts (https://datatracker.ietf.org/doc/html/rfc8252#section-7.3). The
 * name localhost is no address and gets no such liberty (§8.3).
 *
 * A request without one means the only one there is (https://datatracker.ietf.org/doc/html/rfc6749#section-3.1.2.3).
 */
export function findRedirectUri(registered: readonly string[], asked: string | undefined): string | undefined {
  if (asked === undefined) return registered.length === 1 ? registered[0] : undefined;
  if (!URL.canParse(asked)) return undefined;
  const comparable = withoutLoopbackPort(asked);
  return registered.some((uri) => withoutLoopbackPort(uri) === comparable) ? asked : undefined;
}

function withoutLoopbackPort(uri: string): string {
  return uri.replace(LOOPBACK, '$1');
}
