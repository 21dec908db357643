import { SCOPES, type Scope } from '../viewer.js';

export function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/** The scopes among texts from the database. Unknown ones, of another version, are left out. */
export function knownScopes(texts: readonly string[]): Scope[] {
  return texts.filter(isScope);
}

/** The eight possible sets. Viewers live as long as their sockets, so all with the same scopes share one set. */
const scopeSets = new Map<string, ReadonlySet<Scope>>();

/** As `knownScopes`, as a shared set. */
export function scopeSet(texts: readonly string[]): ReadonlySet<Scope> {
  const scopes = SCOPES.filter((scope) => texts.includes(scope));
  const name = scopes.join(' ');
  const set = scopeSets.get(name) ?? new Set(scopes);
  scopeSets.set(name, set);
  return set;
}

/** The requested scopes, or all allowed ones when none are requested. Undefined when a requested scope is not allowed. */
export function selectScopes(requested: readonly string[] | undefined, allowed: readonly Scope[]): Scope[] | undefined {
  if (!requested) return [...allowed];
  const selected = allowed.filter((scope) => requested.includes(scope));
  return requested.every((scope) => selected.some((known) => known === scope)) ? selected : undefined;
}
