import { formRequest, tokenForm, tokenQuestion } from '../generators/forms.js';
import type { RequestParts } from '../generators/http-requests.js';
import type { Rules } from '../oracle.js';
import { introspectionRules, revocationRules, tokenRules } from '../rules.js';
import { ask } from './ask.js';
import type { Target } from './target.js';

function endpoint(
  name: string,
  weight: number,
  path: string,
  form: typeof tokenForm,
  rules: Rules,
): Target<RequestParts> {
  return { name, weight, inputs: formRequest(path, form), send: (request, scene) => ask(request, rules, scene) };
}

export const token = endpoint('token', 20, '/oauth/token', tokenForm, tokenRules);
export const revocation = endpoint('revocation', 8, '/oauth/revoke_token', tokenQuestion, revocationRules);
export const introspection = endpoint('introspection', 8, '/oauth/introspect', tokenQuestion, introspectionRules);
