import fc from 'fast-check';
import { encoding, framing, type Header, moreHeaders, type RequestParts } from './http-requests.js';
import { anyToken, placeholder } from './people.js';
import { edited, oddJson, oddText } from './texts.js';

type Field = readonly [name: string, value: string];

/** How a client says who it is: in the form, in the header, or wrongly. */
interface ClientPart {
  fields: readonly Field[];
  headers: readonly Header[];
}

const inBody = (id: string, secret?: string): ClientPart => ({
  fields: [['client_id', id], ...(secret === undefined ? [] : [['client_secret', secret] as const])],
  headers: [],
});
const inHeader = (value: string): ClientPart => ({ fields: [], headers: [['Authorization', value]] });

const ID = placeholder('client', 'confidential');
const SECRET = placeholder('secret', 'confidential');
const GOOD_BASIC = inHeader(`Basic ${placeholder('basic', 'confidential')}`);

const client: fc.Arbitrary<ClientPart> = fc.oneof(
  {
    arbitrary: fc.constantFrom(inBody(ID, SECRET), GOOD_BASIC, inBody(placeholder('client', 'public'))),
    weight: 8,
  },
  {
    arbitrary: fc.constantFrom(
      { fields: [], headers: [] },
      inBody(ID, 'wrong'),
      inBody(ID),
      inBody('nobody', 'x'),
      inHeader('Basic'),
      inHeader('Basic Og=='),
      inHeader('Basic bm9ib2R5OiUwMA=='),
      inHeader('Basic JTAwOiUwMA=='),
      inHeader('Basic \u00ff'),
      { ...inBody(ID, SECRET), headers: GOOD_BASIC.headers },
    ),
    weight: 1,
  },
  { arbitrary: oddText.map((text) => inBody(text, text)), weight: 1 },
);

const grants: readonly (readonly Field[])[] = [
  [
    ['grant_type', 'password'],
    ['username', 'victim'],
    ['password', placeholder('password', 'victim')],
  ],
  [
    ['grant_type', 'password'],
    ['username', 'nobody'],
    ['password', 'not the password'],
  ],
  [
    ['grant_type', 'refresh_token'],
    ['refresh_token', placeholder('refresh', 'victim')],
  ],
  [
    ['grant_type', 'refresh_token'],
    ['refresh_token', placeholder('token', 'victim')],
  ],
  [
    ['grant_type', 'refresh_token'],
    ['refresh_token', `crt_${'A'.repeat(43)}`],
  ],
  [['grant_type', 'client_credentials']],
  [
    ['grant_type', 'client_credentials'],
    ['scope', 'read'],
  ],
  [
    ['grant_type', 'authorization_code'],
    ['code', `cac_${'A'.repeat(43)}`],
    ['code_verifier', 'v'.repeat(43)],
    ['redirect_uri', 'https://app.example/'],
  ],
  [['grant_type', 'urn:ietf:params:oauth:grant-type:device_code']],
];

/** Passwords that are looked at cost 17 ms of CPU each: those forms come less often. */
export const tokenForm: fc.Arbitrary<readonly Field[]> = fc.oneof(
  { arbitrary: fc.constantFrom(...grants.slice(0, 2)), weight: 1 },
  { arbitrary: fc.constantFrom(...grants.slice(2)), weight: 6 },
);

export const tokenQuestion: fc.Arbitrary<readonly Field[]> = anyToken.map((token): Field[] => [['token', token]]);

const more: fc.Arbitrary<readonly Field[]> = fc.array(
  fc.oneof(
    fc.constantFrom<Field>(
      ['scope', 'read'],
      ['scope', 'read write introspection'],
      ['scope', 'read\twrite'],
      ['scope', 'everything'],
      ['scope', ''],
      ['token_type_hint', 'refresh_token'],
      ['token_type_hint', 'x'],
      ['grant_type', 'password'],
      ['client_id', 'other'],
      ['__proto__', 'x'],
      ['constructor', 'x'],
      ['a[b][c]', 'x'],
    ),
    fc.tuple(fc.constantFrom('scope', 'username', 'password', 'token', 'code', 'x'), oddText),
    fc.tuple(oddText, oddText),
  ),
  { maxLength: 2 },
);

type Change = 'none' | 'drop' | 'repeat' | 'odd';

/** A form with a field dropped, repeated, or of another value. */
function changed(form: fc.Arbitrary<readonly Field[]>): fc.Arbitrary<readonly Field[]> {
  const change = fc.oneof(
    { arbitrary: fc.constant<Change>('none'), weight: 3 },
    { arbitrary: fc.constantFrom<Change>('drop', 'repeat', 'odd'), weight: 2 },
  );
  return fc.tuple(form, change, fc.nat(9), oddText).map(([fields, how, number, text]) => {
    const at = number % fields.length;
    const [name = ''] = fields[at] ?? [];
    if (how === 'drop') return fields.filter((_, index) => index !== at);
    if (how === 'repeat') return [...fields, ...fields.slice(at, at + 1)];
    if (how === 'odd') return fields.map((field, index): Field => (index === at ? [name, text] : field));
    return fields;
  });
}

type Body = Pick<RequestParts, 'body' | 'headers'>;

function urlEncoded(fields: readonly Field[]): Body {
  const body = fields.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
  return { body, headers: [['Content-Type', 'application/x-www-form-urlencoded']] };
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function multipart(fields: readonly Field[], partHead = ''): Body {
  const parts = fields.map(
    ([name, value]) =>
      `--b\r\nContent-Disposition: form-data; name="${name.replace(/["\r\n]/g, '')}"${partHead}\r\n\r\n${value}\r\n`,
  );
  return { body: `${parts.join('')}--b--\r\n`, headers: [['Content-Type', 'multipart/form-data; boundary=b']] };
}

const PART_HEADS = [
  '',
  '',
  '',
  '\r\nContent-Type: text/plain; charset=utf-16le',
  '\r\nContent-Type: application/json',
  '; filename="x"',
  '\r\nContent-Transfer-Encoding: base64',
  '\r\nX: y\r\n'.repeat(20),
];

const contentTypes = fc.constantFrom(
  '',
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded; charset=utf-16',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=c',
  `multipart/form-data; boundary=${'b'.repeat(100)}`,
  'multipart/mixed; boundary=b',
  'x',
  ';;;',
);

const bodyOf = (fields: readonly Field[]): fc.Arbitrary<Body> =>
  fc.oneof(
    { arbitrary: fc.constant(urlEncoded(fields)), weight: 8 },
    { arbitrary: fc.constantFrom(...PART_HEADS).map((head) => multipart(fields, head)), weight: 3 },
    { arbitrary: edits(urlEncoded(fields)), weight: 2 },
    { arbitrary: edits(multipart(fields)), weight: 2 },
    {
      arbitrary: contentTypes.map((type): Body => ({ ...urlEncoded(fields), headers: [['Content-Type', type]] })),
      weight: 1,
    },
    { arbitrary: oddJson.map((body): Body => ({ body, headers: [['Content-Type', 'application/json']] })), weight: 1 },
  );

function edits({ body, headers }: Body): fc.Arbitrary<Body> {
  return edited(fc.constant(body)).map((text) => ({ body: text, headers }));
}

const method = fc.oneof(
  { arbitrary: fc.constant('POST'), weight: 20 },
  {
    arbitrary: fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'QUERY', 'post'),
    weight: 1,
  },
);
const suffix = fc.oneof(
  { arbitrary: fc.constant('/'), weight: 20 },
  { arbitrary: fc.constantFrom('', '/?', '/?token=x', '/?a=%zz', '//', '/%00', '/..%2f'), weight: 1 },
);

/** A request to an OAuth2 endpoint with what it asks for, or nearly. */
export function formRequest(path: string, form: fc.Arbitrary<readonly Field[]>): fc.Arbitrary<RequestParts> {
  const filled = fc.tuple(
    changed(form),
    client,
    fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, { arbitrary: more, weight: 1 }),
  );
  return filled.chain(([fields, { fields: clientFields, headers }, others]) =>
    fc
      .record({
        method,
        path: suffix.map((end) => path + end),
        body: bodyOf([...fields, ...clientFields, ...others]),
        more: moreHeaders,
        encoding,
        framing,
      })
      .map(({ body, more: added, ...request }) => ({
        ...request,
        body: body.body,
        headers: [...body.headers, ...headers, ...added],
      })),
  );
}
