import { variableSchemas } from './variables.js';

const HIDDEN = 'set, not shown';
/** Providers with a word of their own in their variables' names are not among the schemas. */
const PROVIDER = /^OIDC_[A-Z0-9]+_(ISSUER|CLIENT_ID|CLIENT_SECRET|NAME)$/;

/** The settings as lines NAME=value. Secrets are not shown, and variables of other programs are left out. */
export function shownSettings(given: NodeJS.Dict<string>): string[] {
  const known = Object.entries(variableSchemas).map(([name, { writeOnly, default: fallback }]) => {
    const value = given[name];
    if (value !== undefined) return `${name}=${writeOnly ? HIDDEN : value}`;
    return `${name}= (not set${fallback === undefined ? '' : `, so ${fallback}`})`;
  });
  const providers = Object.entries(given).filter(([name]) => PROVIDER.test(name));
  return [...known, ...providers.map(([name, value]) => `${name}=${name.endsWith('_SECRET') ? HIDDEN : value}`)];
}
