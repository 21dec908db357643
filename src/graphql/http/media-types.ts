/** https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types */
const RESPONSE_JSON = 'application/graphql-response+json';
const JSON_TYPE = 'application/json';

/** The media type of a response: the one that the client prefers. JSON when it names neither, for instance with a wildcard. */
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

/** With `application/json` a refused operation has status 200, as before the specification. */
export function isLegacy(mediaType: ReturnType<typeof chooseMediaType>): boolean {
  return mediaType === JSON_TYPE;
}
