/** An external identity provider: OpenID Connect, or GitHub. */
export type ExternalProviderConfig =
  | { kind: 'oidc'; key: string; label: string; issuer: string; clientId: string; clientSecret: string }
  | { kind: 'github'; clientId: string; clientSecret: string };

/** `OIDC_ISSUER`; with several providers `OIDC_GOOGLE_ISSUER`, where `google` is the provider's key. */
export const OIDC_VARIABLE = /^OIDC_(?:([A-Z0-9]+)_)?(?:ISSUER|CLIENT_ID|CLIENT_SECRET|NAME)$/;

/** Reads the providers. Adds a sentence to `problems` for each wrong variable. */
export function readProviders(given: NodeJS.Dict<string>, problems: string[]): readonly ExternalProviderConfig[] {
  const prefixes = new Set(
    Object.keys(given).flatMap((name) => {
      const match = OIDC_VARIABLE.exec(name);
      return match ? [match[1] ? `OIDC_${match[1]}` : 'OIDC'] : [];
    }),
  );
  const providers: ExternalProviderConfig[] = [...prefixes].sort().flatMap((prefix) => {
    const issuer = required(given, `${prefix}_ISSUER`, prefix, problems);
    const clientId = required(given, `${prefix}_CLIENT_ID`, prefix, problems);
    const clientSecret = required(given, `${prefix}_CLIENT_SECRET`, prefix, problems);
    if (issuer === undefined || clientId === undefined || clientSecret === undefined) return [];
    if (!isIssuer(issuer)) {
      problems.push(`${prefix}_ISSUER must be an https URL without query and fragment, not "${issuer}".`);
      return [];
    }
    const key = prefix === 'OIDC' ? 'oidc' : prefix.slice('OIDC_'.length).toLowerCase();
    return [
      { kind: 'oidc', key, label: given[`${prefix}_NAME`] ?? new URL(issuer).host, issuer, clientId, clientSecret },
    ];
  });
  if (given.GITHUB_CLIENT_ID !== undefined || given.GITHUB_CLIENT_SECRET !== undefined) {
    const clientId = required(given, 'GITHUB_CLIENT_ID', 'GITHUB', problems);
    const clientSecret = required(given, 'GITHUB_CLIENT_SECRET', 'GITHUB', problems);
    if (clientId !== undefined && clientSecret !== undefined)
      providers.push({ kind: 'github', clientId, clientSecret });
  }
  const keys = providers.map((provider) => (provider.kind === 'oidc' ? provider.key : 'github'));
  for (const key of new Set(keys.filter((each, index) => keys.indexOf(each) !== index)))
    problems.push(`OIDC_${key.toUpperCase()}_ISSUER needs another name: "${key}" is taken.`);
  return providers.map((provider) => Object.freeze(provider));
}

function required(given: NodeJS.Dict<string>, name: string, prefix: string, problems: string[]): string | undefined {
  const value = given[name];
  if (value === undefined) problems.push(`${name} must be set beside the other variables of ${prefix}.`);
  return value;
}

/** https://openid.net/specs/openid-connect-core-1_0.html#IssuerIdentifier. Allows http for a provider on this machine. */
export function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash } = new URL(text);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (protocol === 'https:' || (protocol === 'http:' && isLocal)) && search === '' && hash === '';
}
