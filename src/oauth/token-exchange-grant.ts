import OAuth2Server from '@node-oauth/oauth2-server';
import type { OAuthClient } from '../domain/access/clients.js';
import type { SubjectTokenKind } from '../domain/access/tokens/exchange.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { toEngineToken } from './engine-token.js';
import type { Parameters } from './form.js';
import { invalidRequest, OAuthProblem } from './problem.js';

/** https://datatracker.ietf.org/doc/html/rfc8693#section-3 */
const TYPE = 'urn:ietf:params:oauth:token-type:';
export const ISSUED_TYPE = `${TYPE}access_token`;

const SUBJECT_KINDS: ReadonlyMap<string, SubjectTokenKind> = new Map([
  [`${TYPE}jwt`, 'access'],
  [`${TYPE}id_token`, 'id'],
]);

/** Parameters of other targets than this service. They narrow a token elsewhere: to ignore them would give more than is asked for. */
const OTHER_TARGETS = ['resource', 'authorization_details', 'chats'];

/**
 * https://datatracker.ietf.org/doc/html/rfc8693#section-2: a token of a trusted issuer for one of ours. It is for nobody who acts on behalf
 * of another.
 * @param issuer our own, the only audience that may be asked for; undefined while it is not known
 */
export function tokenExchangeGrant(
  tokens: Tokens,
  client: OAuthClient,
  parameters: Parameters,
  issuer: string | undefined,
): typeof OAuth2Server.AbstractGrantType {
  return class TokenExchangeGrant extends OAuth2Server.AbstractGrantType {
    async handle(request: OAuth2Server.Request, engineClient: OAuth2Server.Client): Promise<OAuth2Server.Token> {
      const kind = subjectKindOf(parameters);
      requireNoOther(parameters, issuer);
      const scopes: string[] | undefined = this.getScope(request);
      const token = parameters.get('subject_token') ?? '';
      const result = await tokens.exchange({ client, token, kind, scopes });
      if (result.outcome === 'issued') return toEngineToken(result.tokens, engineClient, {});
      if (result.outcome === 'scope_exceeded')
        throw new OAuth2Server.InvalidScopeError('The client, or the subject token, has less than is asked for.');
      // One message for every reason (§2.2.2), so that whoever tries tokens learns nothing from it.
      throw invalidRequest('The subject_token is invalid or expired, or nobody here whom it names may sign in.');
    }
  };
}

function subjectKindOf(parameters: Parameters): SubjectTokenKind {
  const kind = SUBJECT_KINDS.get(parameters.get('subject_token_type') ?? '');
  if (kind) return kind;
  throw invalidRequest(`The subject_token_type must be one of ${[...SUBJECT_KINDS.keys()].join(', ')}.`);
}

/** @throws OAuthProblem `invalid_request` and `invalid_target` (https://datatracker.ietf.org/doc/html/rfc8693#section-2.2.2) */
function requireNoOther(parameters: Parameters, issuer: string | undefined): void {
  if (parameters.has('actor_token') || parameters.has('actor_token_type'))
    throw invalidRequest('An actor_token is not supported.');
  const requested = parameters.get('requested_token_type') ?? ISSUED_TYPE;
  if (requested !== ISSUED_TYPE) throw invalidRequest(`The requested_token_type can only be ${ISSUED_TYPE}.`);
  const audience = parameters.get('audience');
  const isOther = audience !== undefined && audience !== issuer;
  if (isOther || OTHER_TARGETS.some((name) => parameters.has(name)))
    throw new OAuthProblem('invalid_target', 'The token is for this service as a whole, and for nothing else.');
}
