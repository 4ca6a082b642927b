import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { KeyRing } from '../store/key-ring.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** `encoding` of a payload that is sealed; what has another one is read as it is. */
const ENCRYPTED = 'binary/encrypted';
/** what a payload is sealed for: it opens as a payload only */
const CONTEXT = 'temporal-payload';

/**
 * Seals every payload that goes to Temporal: arguments, results, updates, signals, heartbeats, summaries, details of failures. Search
 * attributes and ids stay readable. What is not sealed is read as it is, so that histories written before still go on.
 * @param seals false to open only: after encryption was switched off
 */
export function createPayloadCodec(ring: KeyRing, seals: boolean): PayloadCodec {
  const encryption = Buffer.from(ENCRYPTED);
  const isEncrypted = ({ metadata }: Payload): boolean => {
    const encoding = metadata?.['encoding'];
    return encoding !== undefined && encryption.equals(encoding);
  };
  return {
    encode: async (payloads) =>
      payloads.map((payload) =>
        !seals || isEncrypted(payload)
          ? payload
          : {
              metadata: {
                encoding: encryption,
                // tells people which key is needed; the sealed form has the name as well, and bound to it
                'encryption-key-id': Buffer.from(ring.sealsWith ?? ''),
              },
              data: ring.seal(PayloadMessage.encode(payload).finish(), CONTEXT),
            },
      ),
    decode: async (payloads) =>
      payloads.map((payload) =>
        isEncrypted(payload)
          ? PayloadMessage.decode(ring.open(payload.data ?? new Uint8Array(), CONTEXT))
          : payload,
      ),
  };
}

/** How clients and workers write and read what Temporal keeps. @param encrypts whether payloads are sealed */
export function dataConverterOf(ring: KeyRing, encrypts: boolean): DataConverter {
  if (ring.sealsWith === null) return {};
  return {
    payloadCodecs: [createPayloadCodec(ring, encrypts)],
    ...(encrypts
      ? { failureConverterPath: fileURLToPath(new URL('../workflows/hide-failures.ts', import.meta.url)) }
      : {}),
  };
}
