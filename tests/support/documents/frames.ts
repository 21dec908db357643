import { DocumentSchemas, isObject, type JsonObject, objectAt, resolved } from './schemas.js';
import { violated } from './violations.js';

/** `send` is what the service sends, `receive` what it takes. */
export type Direction = 'send' | 'receive';

let opened: FrameSchemas | undefined;

/** docs/asyncapi.yaml. */
export function frameSchemas(): FrameSchemas {
  opened ??= new FrameSchemas(new DocumentSchemas('asyncapi.yaml'));
  return opened;
}

/** The frames of each channel, by their types. */
export class FrameSchemas {
  /** `<channel> <direction> <type>` → the JSON pointer of the schema. */
  private readonly places = new Map<string, string>();
  private readonly addresses: readonly [name: string, address: RegExp][];

  constructor(readonly schemas: DocumentSchemas) {
    const { document } = schemas;
    const channels = Object.entries(objectAt(document.channels));
    this.addresses = channels.map(([name, channel]) => [name, patternOf(String(objectAt(channel).address))]);
    for (const operation of Object.values(objectAt(document.operations)))
      for (const { channel, action, type, place } of framesOf(document, objectAt(operation)))
        this.places.set(`${channel} ${action} ${type}`, place);
  }

  /** The name of the channel at a path; undefined for a path of none. */
  channelAt(path: string): string | undefined {
    return this.addresses.find(([, address]) => address.test(path))?.[0];
  }

  /** The types of the frames of a channel. */
  typesOf(channel: string, direction: Direction): string[] {
    const head = `${channel} ${direction} `;
    return [...this.places.keys()].filter((key) => key.startsWith(head)).map((key) => key.slice(head.length));
  }

  problem(channel: string, direction: Direction, frame: unknown): string | undefined {
    const { type, message } = objectAt(frame);
    const name = type === undefined && message !== undefined ? 'message' : String(type);
    const place = this.places.get(`${channel} ${direction} ${name}`);
    return place === undefined ? `there is no frame ${name}` : this.schemas.problem(place, frame);
  }
}

/** Notes a frame that is not as documented. Streams of paths that the document does not name are not its matter. */
export function holdFrame(url: string, direction: Direction, frame: unknown): void {
  const schemas = frameSchemas();
  const channel = schemas.channelAt(new URL(url).pathname);
  if (channel === undefined) return;
  const problem = schemas.problem(channel, direction, frame);
  if (problem !== undefined)
    violated(`docs/asyncapi.yaml, ${channel}, ${direction}: ${problem}\n  ${JSON.stringify(frame)}`);
}

function* framesOf(document: JsonObject, operation: JsonObject) {
  const channel = nameIn(operation.channel);
  for (const message of listIn(operation.messages)) {
    const { payload } = resolved(document, message);
    for (const [type, place] of typesIn(document, payload))
      yield { channel, action: String(operation.action), type, place };
  }
}

/** The types of the frames that a schema describes, each with the narrowest schema of it. `message` for Django's frame without a type. */
function* typesIn(document: JsonObject, schema: unknown, place = ''): Generator<[type: string, place: string]> {
  const { $ref } = objectAt(schema);
  const own = typeof $ref === 'string' ? $ref.slice(1) : place;
  const { properties, oneOf, allOf } = resolved(document, schema);
  if (isObject(properties)) {
    const { type, message } = properties;
    if (isObject(type) && typeof type.const === 'string') yield [type.const, own];
    else if (type === undefined && message !== undefined) yield ['message', own];
  } else {
    for (const each of listIn(oneOf)) yield* typesIn(document, each, own);
    for (const each of listIn(allOf)) for (const [type] of typesIn(document, each, own)) yield [type, own];
  }
}

function listIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The last step of a reference. */
function nameIn(reference: unknown): string {
  return String(objectAt(reference).$ref).split('/').at(-1) ?? '';
}

function patternOf(address: string): RegExp {
  return new RegExp(`^${address.replace(/\/$/, '').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`);
}
