import { SCOPES, type Scope } from './viewer.js';

export function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/** Scopes as they come from the database: what this version does not know allows nothing. */
export function knownScopes(texts: readonly string[]): Scope[] {
  return texts.filter(isScope);
}

/** There are eight, and a viewer lives as long as a socket: all with the same scopes share one. */
const scopeSets = new Map<string, ReadonlySet<Scope>>();

/** As `knownScopes`. */
export function scopeSet(texts: readonly string[]): ReadonlySet<Scope> {
  const scopes = SCOPES.filter((scope) => texts.includes(scope));
  const name = scopes.join(' ');
  const set = scopeSets.get(name) ?? new Set(scopes);
  scopeSets.set(name, set);
  return set;
}

/** All that is allowed when nothing is asked for; undefined when something is asked for that is not allowed. */
export function selectScopes(asked: readonly string[] | undefined, allowed: readonly Scope[]): Scope[] | undefined {
  if (!asked) return [...allowed];
  const selected = allowed.filter((scope) => asked.includes(scope));
  return asked.every((scope) => selected.some((known) => known === scope)) ? selected : undefined;
}
