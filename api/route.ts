import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Role } from '../store/keys.ts';
import type { Principal } from './principal.ts';
import { JSON_BYTES, readJson } from './read-body.ts';
import { validBody, validParameters } from './valid.ts';

/** One call, with everything that was sent checked against the route's schemas. */
export interface Call<P = unknown, Q = unknown, B = unknown> {
  principal: Principal;
  params: P;
  query: Q;
  body: B;
  /** the body as it was sent, to tell a repeated call from another one with the same Idempotency-Key */
  raw: Buffer;
  request: Request;
  response: Response;
  log: Logger;
}

/** What a call is answered with; `null` from a handler means that it has written its answer itself. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** What an address may answer, as the OpenAPI document tells it. */
export interface AnswerShape {
  description: string;
  schema?: z.ZodType;
  /** of an answer that is not JSON */
  contentType?: string;
  /** headers that belong to what is answered; those of every answer are told once, in the introduction */
  headers?: z.ZodObject;
}

interface RouteText {
  method: 'get' | 'head' | 'options' | 'post' | 'put' | 'patch' | 'delete';
  /** as OpenAPI writes it: `/v1/migrations/{request}` */
  path: string;
  /** stable name of the operation, for generated clients */
  operation: string;
  /** the part of the documentation it stands in */
  tag: string;
  summary: string;
  description?: string;
  /** who may call it; `public` needs no key */
  who: readonly Role[] | 'public';
  /** a signed link in the query opens it without a key; the handler checks the signature (C7) */
  signed?: true;
  answers: Readonly<Record<number, AnswerShape>>;
  /** headers the handler reads itself, for the documentation */
  headers?: z.ZodObject;
  /** bodies that the handler reads itself, by media type */
  streams?: Readonly<Record<string, z.ZodType>>;
  /** bytes a JSON body may have, where it is more than usual */
  bodyBytes?: number;
  /**
   * POST: `itself` where the handler sees to the Idempotency-Key, because it reads the body itself; `never` where nothing is changed
   * and the answer may not be kept
   */
  idempotent?: 'itself' | 'never';
}

export interface RouteDefinition<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>
  extends RouteText {
  params?: P;
  query?: Q;
  body?: B;
  handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer | null>;
}

/** A route as the application mounts it and the OpenAPI document describes it. */
export interface Route extends RouteText {
  params: z.ZodType;
  query: z.ZodType;
  body: z.ZodType | null;
  /** Reads and checks what was sent, and gives what answers it. */
  prepare(
    call: Omit<Call, 'params' | 'query' | 'body' | 'raw'>,
  ): Promise<{ raw: Buffer; run: () => Promise<Answer | null> }>;
}

const NOTHING = z.strictObject({});

/** Makes a route: its schemas check the call before the handler sees it, and are its documentation. */
export function route<
  P extends z.ZodType = typeof NOTHING,
  Q extends z.ZodType = typeof NOTHING,
  B extends z.ZodType = typeof NOTHING,
>(definition: RouteDefinition<P, Q, B>): Route {
  const params = definition.params ?? NOTHING;
  const query = definition.query ?? NOTHING;
  const body = definition.body ?? null;
  return {
    ...definition,
    params,
    query,
    body,
    async prepare(call) {
      const checked = {
        params: validParameters(params, call.request.params) as z.output<P>,
        query: validParameters(query, call.request.query) as z.output<Q>,
      };
      const sent =
        body === null
          ? { value: {}, raw: Buffer.alloc(0) }
          : await readJson(call.request, call.response, definition.bodyBytes ?? JSON_BYTES);
      const valid = (body === null ? {} : validBody(body, sent.value)) as z.output<B>;
      return {
        raw: sent.raw,
        run: () => definition.handle({ ...call, ...checked, body: valid, raw: sent.raw }),
      };
    },
  };
}
