import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApiDocument } from '../../api/openapi.ts';
import { PROBLEMS, problemType } from '../../api/problem.ts';
import type { Route } from '../../api/route.ts';

interface Described {
  description: string;
  headers?: Record<string, { required?: boolean; schema: object }>;
  content?: Record<string, { schema: object }>;
}
interface Operation {
  responses: Record<string, Described>;
}

/** Headers that mean something to a caller: none of them may come undescribed. */
const TOLD =
  /^(?:etag|location|link|retry-after|allow|www-authenticate|content-disposition|(?:repr|content)-digest|(?:tus|upload)-.*)$/;

const RESPONSE_OF = Symbol('the bytes of an answer');

/** Holds every answer of a server against the OpenAPI document that the API gives out. */
export class Contract {
  /** what did not agree, one line each */
  readonly violations: string[] = [];
  /** how many answers were looked at */
  seen = 0;
  readonly #paths: [RegExp, Record<string, Operation>][];
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #found: (violation: string) => void;

  /** @param found is told of each violation at once */
  constructor(routes: readonly Route[], found: (violation: string) => void = () => {}) {
    this.#found = found;
    addFormats.default(this.#ajv);
    // base64 is only told, as JSON Schema has it
    this.#ajv.addFormat('base64', true);
    // as it is sent: nothing the document's own JSON does not say
    const document = JSON.parse(JSON.stringify(openApiDocument('https://deskferry.example', routes))) as {
      paths: Record<string, Record<string, Operation>>;
    };
    this.#ajv.addSchema(document, 'api');
    this.#paths = Object.entries(document.paths).map(([path, item]) => [
      new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      item,
    ]);
  }

  /** Looks at every answer of a server from now on. */
  watch(server: Server): void {
    const look = (request: IncomingMessage, response: ServerResponse): void => this.#look(request, response);
    server.prependListener('request', look);
    server.prependListener('checkContinue', look);
    server.prependListener('checkExpectation', look);
  }

  /** @throws Error when an answer was not as it is described */
  verify(): void {
    if (this.violations.length === 0) return;
    throw new Error(`answers that the OpenAPI document does not describe:\n${this.violations.join('\n')}`);
  }

  #look(request: IncomingMessage, response: ServerResponse): void {
    if (RESPONSE_OF in response) return;
    const parts: Buffer[] = [];
    Object.assign(response, { [RESPONSE_OF]: parts });
    const keep = (part: unknown): void => {
      if (typeof part === 'string' || part instanceof Uint8Array) parts.push(Buffer.from(part as string));
    };
    const write = response.write.bind(response) as (...given: unknown[]) => boolean;
    const end = response.end.bind(response) as (...given: unknown[]) => ServerResponse;
    response.write = ((part: unknown, ...rest: unknown[]) => {
      keep(part);
      return write(part, ...rest);
    }) as typeof response.write;
    response.end = ((part: unknown, ...rest: unknown[]) => {
      keep(part);
      return end(part, ...rest);
    }) as typeof response.end;
    response.once('finish', () => {
      this.seen += 1;
      const { method = '', url = '' } = request;
      const path = url.split('?')[0] ?? '';
      const wrong = this.#faultsOf(request, path, response, Buffer.concat(parts).toString());
      for (const fault of wrong) {
        const violation = `${method} ${path} ${response.statusCode}: ${fault}`;
        this.violations.push(violation);
        this.#found(violation);
      }
    });
  }

  #faultsOf(request: IncomingMessage, path: string, response: ServerResponse, body: string): string[] {
    const status = String(response.statusCode);
    const method = (request.headers['x-http-method-override'] as string | undefined) ?? request.method ?? '';
    // a preflight is answered before any route is looked for
    if (method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) return [];
    const [, item] = this.#paths.find(([pattern]) => pattern.test(decodePath(path))) ?? [];
    const own = item?.[method.toLowerCase()];
    const operation = own ?? (method === 'HEAD' ? item?.['get'] : undefined);
    const problem = response.getHeader('content-type')?.toString().startsWith('application/problem+json');
    const described = problem === true ? operation?.responses['default'] : operation?.responses[status];
    if (problem === true) {
      const faults = problemFaults(request.method, status, body);
      // where nothing is served, or not with that method, there is nothing to describe
      if (operation === undefined) return faults;
      return [...faults, ...this.#answerFaults(path, 'default', described, response, request, body)];
    }
    // what an address takes is told of every one of them, once, in the introduction
    if (method === 'OPTIONS' && own === undefined && item !== undefined && status === '204') return [];
    if (described === undefined) return ['is not described'];
    return this.#answerFaults(path, status, described, response, request, body);
  }

  #answerFaults(
    path: string,
    status: string,
    described: Described | undefined,
    response: ServerResponse,
    request: IncomingMessage,
    body: string,
  ): string[] {
    const faults: string[] = [];
    const headers = Object.entries(described?.headers ?? {});
    const known = new Map(headers.map(([name, header]) => [name.toLowerCase(), header]));
    for (const name of response.getHeaderNames())
      if (TOLD.test(name) && !known.has(name)) faults.push(`the header ${name} is not described`);
    for (const [name, { required, schema }] of headers) {
      const value = response.getHeader(name);
      if (value === undefined && required === true) faults.push(`the header ${name} is missing`);
      if (value !== undefined) faults.push(...this.#schemaFaults(schema, String(value), name));
    }
    const type = response.getHeader('content-type')?.toString().split(';')[0];
    const content = described?.content;
    if (content === undefined) {
      if (body !== '') faults.push('has a body that is not described');
    } else if (type === undefined || content[type] === undefined)
      faults.push(`the type ${type} is not described`);
    else if (request.method === 'HEAD') {
      if (body !== '') faults.push('an answer to HEAD has a body');
    } else if (type.endsWith('json')) {
      faults.push(...this.#schemaFaults(content[type].schema, JSON.parse(body), 'the body'));
    } else if (type === 'text/event-stream') {
      const progress = { $ref: 'api#/components/schemas/Progress' };
      for (const [, data = ''] of body.matchAll(/^data: (.*)$/gm))
        faults.push(...this.#schemaFaults(progress, JSON.parse(data), 'an event'));
    }
    return faults.map((fault) => `${path} ${status} ${fault}`);
  }

  #schemaFaults(schema: object, value: unknown, what: string): string[] {
    const absolute = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
    const validate = this.#compiled.get(absolute) ?? this.#ajv.compile(JSON.parse(absolute) as object);
    this.#compiled.set(absolute, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map((error) => `${what}${error.instancePath} ${error.message}`);
  }
}

/** As the routes see it; what cannot be decoded matches none. */
function decodePath(path: string): string {
  try {
    decodeURIComponent(path);
    return path;
  } catch {
    return '';
  }
}

/** A problem has one of the types that never change, with its status and title (RFC 9457). */
function problemFaults(method: string | undefined, status: string, body: string): string[] {
  if (method === 'HEAD') return body === '' ? [] : ['an answer to HEAD has a body'];
  const { type, title, status: told } = JSON.parse(body) as { type: string; title: string; status: number };
  const known = Object.entries(PROBLEMS).find(
    ([code]) => problemType(code as keyof typeof PROBLEMS) === type,
  );
  if (known === undefined) return [`the problem ${type} is not one of those that are told`];
  const [, { status: own, title: named }] = known;
  return own === told && String(own) === status && title === named
    ? []
    : [`the problem ${type} does not have its status and title`];
}
