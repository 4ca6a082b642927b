import type { Payload } from '@temporalio/common';
import { z } from 'zod';
import { KeyRingError } from '../../store/key-ring.ts';
import type { Api } from '../app.ts';
import type { Principal } from '../principal.ts';
import { Problem } from '../problem.ts';
import { type Route, route } from '../route.ts';

/** What the Temporal Web UI and the `temporal` command are given as their codec endpoint. */
export const CODEC_PATH = '/v1/codec';

/** A page of a history may come at once. */
const MOST_BYTES = 10_000_000;

const base64 = z.base64();
const payloads = z
  .strictObject({
    payloads: z
      .array(
        z.strictObject({
          metadata: z.record(z.string().max(100), base64).optional(),
          data: base64.optional(),
          externalPayloads: z.array(z.unknown()).max(0, 'are not kept here').optional(),
        }),
      )
      .max(10_000, 'are more than 10,000'),
  })
  .meta({ id: 'Payloads', description: "Payloads in Temporal's JSON form; bytes are base64." });

/** The codec server of the Temporal Web UI: shows those who may see all what is encrypted in histories (F3, F4). */
export function codecRoutes(api: Api): Route[] {
  const { payloadCodecs } = api.temporal.options.loadedDataConverter;
  const common = {
    method: 'post' as const,
    tag: 'Codec',
    idempotent: 'never' as const,
    body: payloads,
    bodyBytes: MOST_BYTES,
    answers: { 200: { description: 'The payloads, in the same order.', schema: payloads } },
  };
  return [
    route({
      ...common,
      path: `${CODEC_PATH}/decode`,
      operation: 'decodePayloads',
      summary: 'Decrypt payloads of a workflow history',
      description:
        'The codec endpoint of the Temporal Web UI. Payloads that are not encrypted come back as they are.',
      who: ['operator', 'auditor'],
      handle: async ({ principal, body }) => {
        requireSight(principal);
        let decoded = body.payloads.map(fromJson);
        for (const codec of payloadCodecs.toReversed()) decoded = await codec.decode(decoded).catch(refused);
        return { status: 200, body: { payloads: decoded.map(toJson) } };
      },
    }),
    route({
      ...common,
      path: `${CODEC_PATH}/encode`,
      operation: 'encodePayloads',
      summary: 'Encrypt payloads for a workflow',
      who: ['operator'],
      handle: async ({ principal, body }) => {
        requireSight(principal);
        let encoded = body.payloads.map(fromJson);
        for (const codec of payloadCodecs) encoded = await codec.encode(encoded);
        return { status: 200, body: { payloads: encoded.map(toJson) } };
      },
    }),
  ];
}

/** Nothing in a payload says whose it is. */
function requireSight({ tenant }: Principal): void {
  if (tenant !== null)
    throw new Problem(
      'not-allowed',
      'Histories are of all tenants; use a key that is not for one tenant only.',
    );
}

function refused(error: unknown): never {
  if (!(error instanceof KeyRingError)) throw error;
  throw new Problem('invalid-body', error.message, {
    errors: [{ pointer: '/payloads', detail: error.message }],
  });
}

type JsonPayload = z.output<typeof payloads>['payloads'][number];

function fromJson({ metadata, data }: JsonPayload): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data ?? '', 'base64'),
  };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}
