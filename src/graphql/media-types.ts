/** https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types */
const RESPONSE_JSON = 'application/graphql-response+json';
const JSON_TYPE = 'application/json';

// A range like */* means JSON, for clients of before the specification.
/** The media type of an answer: what the client prefers, and JSON when it does not say. */
export function chooseMediaType(accept: string | undefined): typeof RESPONSE_JSON | typeof JSON_TYPE {
  const quality = { [RESPONSE_JSON]: 0, [JSON_TYPE]: 0 };
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (type !== RESPONSE_JSON && type !== JSON_TYPE) continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    quality[type] = weight ? Number(weight.slice(2)) || 0 : 1;
  }
  const prefersNew = quality[RESPONSE_JSON] > 0 && quality[RESPONSE_JSON] >= quality[JSON_TYPE];
  return prefersNew ? RESPONSE_JSON : JSON_TYPE;
}

/** JSON of before the specification is answered with 200 also when an operation is refused before it runs. */
export function isLegacy(mediaType: ReturnType<typeof chooseMediaType>): boolean {
  return mediaType === JSON_TYPE;
}
