/**
 * The algorithms that a provider may sign with: asymmetric ones only. Who has the provider's public key could sign with HS256, and
 * anybody with "none".
 */
export const SIGNATURE_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
