import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parseYAML } from 'confbox/yaml';

export type JsonObject = Record<string, unknown>;

/** The schemas of a document in docs/, as what is sent is held to them. */
export class DocumentSchemas {
  readonly document: JsonObject;
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(readonly file: string) {
    const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
    this.document = objectAt(parseYAML(text));
    for (const schema of schemasIn(this.document)) closeMembers(schema);
    this.ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    this.ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)));
    this.ajv.addFormat('uri', (text: string) => URL.canParse(text));
    // Of AsyncAPI, and in JSON Schema the former name of another thing.
    const { id: _id, ...schemas } = this.document;
    this.ajv.addSchema(schemas, file, undefined, false);
  }

  /** What is wrong with a value; undefined if it is as described. @param place a JSON pointer of a schema in the document */
  problem(place: string, value: unknown): string | undefined {
    let validate = this.validators.get(place);
    if (!validate) {
      validate = this.ajv.compile({ $ref: `${this.file}#${encodeURI(place)}`, unevaluatedProperties: false });
      this.validators.set(place, validate);
    }
    if (validate(value)) return undefined;
    return this.ajv.errorsText(validate.errors?.map(namingTheMember), { dataVar: '', separator: '; ' });
  }
}

/** "must NOT have unevaluated properties" does not say which. */
function namingTheMember<Problem extends { message?: string; params: JsonObject }>(problem: Problem): Problem {
  const { unevaluatedProperty } = problem.params;
  return unevaluatedProperty === undefined
    ? problem
    : { ...problem, message: `has the member ${JSON.stringify(unevaluatedProperty)}, which is not described` };
}

/**
 * Readers ignore members that they do not know, so the document leaves its objects open. What the service sends is described with
 * every member: the schemas of all values inside a value allow no others.
 */
function closeMembers(schema: JsonObject): void {
  const members = Object.values(objectAt(schema.properties ?? {}));
  for (const value of [...members, schema.items]) if (isObject(value)) value.unevaluatedProperties = false;
}

/** Every object that has `properties` or `items`, at whatever depth. */
function* schemasIn(value: unknown, seen = new Set<unknown>()): Generator<JsonObject> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (isObject(value) && (isObject(value.properties) || isObject(value.items))) yield value;
  for (const each of Object.values(value)) yield* schemasIn(each, seen);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws Error for anything else */
export function objectAt(value: unknown): JsonObject {
  if (!isObject(value)) throw new Error(`Not an object: ${JSON.stringify(value)}`);
  return value;
}

/** What a `$ref` of this document refers to, or the value itself. */
export function resolved(document: JsonObject, value: unknown): JsonObject {
  const object = objectAt(value);
  return typeof object.$ref === 'string' ? resolved(document, valueAt(document, object.$ref.slice(1))) : object;
}

/** What a JSON pointer refers to. */
export function valueAt(document: JsonObject, pointer: string): unknown {
  const steps = pointer.split('/').slice(1);
  return steps.reduce<unknown>(
    (value, step) => objectAt(value)[step.replaceAll('~1', '/').replaceAll('~0', '~')],
    document,
  );
}

/** A step of a JSON pointer. */
export function step(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
