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

/** The values that are not shown, and the passwords in them: whole, and as they are without escapes. */
export function secretValues(given: NodeJS.Dict<string>): string[] {
  const values = Object.entries(given).flatMap(([name, value]) =>
    value !== undefined && isSecret(name) ? [value] : [],
  );
  return [...values, ...values.flatMap(passwordsOf)];
}

function isSecret(name: string): boolean {
  const schema = Object.entries(variableSchemas).find(([known]) => known === name)?.[1];
  return schema ? schema.writeOnly === true : PROVIDER.test(name) && name.endsWith('_SECRET');
}

/** PostgreSQL's driver takes the password as a parameter too. */
function passwordsOf(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { password, searchParams } = new URL(value);
  return [password, decoded(password), searchParams.get('password') ?? ''].filter((each) => each !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
