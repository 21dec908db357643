import { DocumentSchemas, isObject, type JsonObject, objectAt, resolved, step, valueAt } from './schemas.js';
import { violated } from './violations.js';

type Headers = Readonly<Record<string, number | string | string[] | undefined>>;

/** An answer of the service over HTTP. */
export interface Answer {
  method: string;
  /** The route's path, as Fastify has it; undefined where there is none. */
  route: string | undefined;
  status: number;
  headers: Headers;
  /** Undefined for a body that is a stream. */
  body: string | undefined;
}

interface Path {
  name: string;
  pattern: RegExp;
  operations: JsonObject;
}

let opened: AnswerSchemas | undefined;

/** docs/openapi.yaml. */
export function answerSchemas(): AnswerSchemas {
  opened ??= new AnswerSchemas(new DocumentSchemas('openapi.yaml'));
  return opened;
}

/** The answers of each path and method, by their status. */
export class AnswerSchemas {
  readonly paths: readonly Path[];
  private readonly byRoute = new Map<string, Path | undefined>();

  constructor(readonly schemas: DocumentSchemas) {
    this.paths = Object.entries(objectAt(schemas.document.paths)).map(([name, item]) => ({
      name,
      pattern: patternOf(name),
      operations: objectAt(item),
    }));
  }

  /** The path of a route; undefined if the document has none. */
  pathOf(route: string): Path | undefined {
    if (!this.byRoute.has(route)) {
      const path = withoutSlash(route);
      this.byRoute.set(
        route,
        this.paths.find(({ pattern }) => pattern.test(path)),
      );
    }
    return this.byRoute.get(route);
  }

  /** What is wrong with an answer; undefined if it is as described, and for a route that is not described. */
  problem(answer: Answer): string | undefined {
    if (answer.route === undefined) return this.bodyProblem('/components/responses/Refusal', answer);
    const path = this.pathOf(answer.route);
    if (!path || answer.method === 'OPTIONS') return undefined;
    const method = answer.method === 'HEAD' ? 'get' : answer.method.toLowerCase();
    const operation = path.operations[method];
    if (operation === undefined) return problemOfMethod(answer, path);
    const responses = objectAt(objectAt(operation).responses);
    const key = [String(answer.status), `${String(answer.status)[0]}XX`].find((each) => each in responses);
    if (key === undefined) return `no answer ${answer.status} is described`;
    return this.bodyProblem(`/paths/${step(path.name)}/${method}/responses/${key}`, answer);
  }

  private bodyProblem(place: string, { headers, body }: Answer): string | undefined {
    const { document } = this.schemas;
    const [response, at] = follow(document, place);
    const wrong = problemOfHeaders(document, response, headers);
    if (wrong !== undefined) return wrong;
    if (body === undefined || body === '') return undefined;
    const content = isObject(response.content) ? response.content : {};
    const type = String(headers['content-type']).split(';')[0] ?? '';
    const media = [type, '*/*'].find((each) => each in content);
    if (media === undefined) return `no body of the type ${type} is described`;
    if (!isObject(content[media]) || !('schema' in content[media])) return undefined;
    const isJson = type.endsWith('json');
    return this.schemas.problem(`${at}/content/${step(media)}/schema`, isJson ? JSON.parse(body) : body);
  }
}

/** Notes an answer that is not as documented. */
export function holdAnswer(answer: Answer): void {
  const problem = answerSchemas().problem(answer);
  if (problem === undefined) return;
  const { method, route, status, body } = answer;
  violated(`docs/openapi.yaml, ${method} ${route ?? 'of no route'}, ${status}: ${problem}\n  ${body?.slice(0, 2000)}`);
}

/** A method that is not described is refused, and `Allow` names those that are. */
function problemOfMethod({ status, headers }: Answer, { operations }: Path): string | undefined {
  if (status < 400) return 'the method is not described';
  if (headers.allow === undefined) return undefined;
  const allowed = String(headers.allow)
    .toLowerCase()
    .split(', ')
    .filter((method) => method !== 'head');
  const described = Object.keys(operations);
  return `${allowed.sort()}` === `${described.sort()}`
    ? undefined
    : `Allow has ${allowed}, and ${described} are described`;
}

function problemOfHeaders(document: JsonObject, response: JsonObject, headers: Headers): string | undefined {
  for (const [name, reference] of Object.entries(isObject(response.headers) ? response.headers : {})) {
    const { required, schema } = resolved(document, reference);
    const value = headers[name.toLowerCase()];
    if (value === undefined && required === true) return `the header ${name} is missing`;
    const { const: wanted } = objectAt(schema);
    if (value !== undefined && wanted !== undefined && value !== wanted) return `${name} is ${value}`;
  }
  return undefined;
}

/** What a pointer refers to, by way of a `$ref` there, and the pointer of it. */
function follow(document: JsonObject, place: string): [value: JsonObject, place: string] {
  const value = objectAt(valueAt(document, place));
  return typeof value.$ref === 'string' ? follow(document, value.$ref.slice(1)) : [value, place];
}

/** `{file}` stands for a path below a folder, every other parameter for one step. `*`, which Fastify has in its place, is a step. */
function patternOf(name: string): RegExp {
  const escaped = withoutSlash(name).replaceAll('.', '\\.');
  return new RegExp(`^${escaped.replaceAll('{file}', '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

function withoutSlash(path: string): string {
  return path === '/' ? path : path.replace(/\/$/, '');
}
