import type { Api } from './app.ts';
import { Problem } from './problem.ts';
import type { Answer, Call } from './route.ts';
import { bodyHash } from '../store/idempotency.ts';

/** How long an answer is kept for a call that comes again. */
const KEPT_MS = 24 * 3_600_000;

/** Calls that this process works on now. */
const underWay = new Set<string>();

const callIds = new WeakMap<Call['request'], string>();

/**
 * The id of a call that was sent with an `Idempotency-Key`: the same for every repetition of it, and so fit to be the id of
 * what it makes. Undefined for a call without the header.
 */
export function callId(call: Pick<Call, 'request'>): string | undefined {
  return callIds.get(call.request);
}

/**
 * What tells a call from every other one, its body apart. F4: a token of the same subject may be of another tenant, or another role, by
 * now.
 */
const keyed = ({ principal: { by, tenant }, request }: Pick<Call, 'principal' | 'request'>, key: string) => ({
  principal: tenant === null ? by : `${by} of ${tenant}`,
  route: `POST ${request.path}`,
  key,
});

/** Whether this call repeats one that was answered: then it is answered the same, though it would be refused by now. */
export async function repeatsAnswered(api: Api, call: Pick<Call, 'principal' | 'request'>): Promise<boolean> {
  const key = call.request.get('idempotency-key');
  return key !== undefined && (await api.stores.idempotency.isAnswered(keyed(call, key)));
}

/**
 * H: a POST with an `Idempotency-Key` is done once, and its repetition is answered the same for a day. A call that was lost
 * in a crash is done again under the same id, which makes it the same command.
 * @throws Problem `idempotency-key-reused` when the key came with another body, `request-in-progress` while the first is under way
 */
export async function answerOnce(
  api: Api,
  call: Pick<Call, 'principal' | 'request'>,
  body: Uint8Array | string,
  run: () => Promise<Answer | null>,
): Promise<Answer | null> {
  const key = call.request.get('idempotency-key');
  if (key === undefined) return run();
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const detail = 'has to be 1 to 255 printable ASCII characters without spaces';
    throw new Problem('invalid-parameter', `The Idempotency-Key ${detail}.`, {
      errors: [{ parameter: 'Idempotency-Key', detail }],
    });
  }
  const { idempotency } = api.stores;
  const begun = await idempotency.begin({
    ...keyed(call, key),
    bodyHash: bodyHash(api.config.secret, body),
    expiresAt: new Date(Date.now() + KEPT_MS),
  });
  if (begun.state === 'otherBody') {
    throw new Problem(
      'idempotency-key-reused',
      'This Idempotency-Key came with another body before; send a new key for a new call.',
    );
  }
  if (begun.state === 'done') return { ...(begun.answer as Answer), status: begun.status };
  const { id } = begun;
  if (underWay.has(id)) {
    throw new Problem(
      'request-in-progress',
      'The first call with this Idempotency-Key has not ended yet; ask again in a second.',
      {
        headers: { 'Retry-After': '1' },
      },
    );
  }
  underWay.add(id);
  callIds.set(call.request, begun.call);
  try {
    const answer = await run();
    if (answer !== null) await idempotency.finish(id, answer.status, answer);
    return answer;
  } catch (error) {
    // what was refused has changed nothing, so the same call may be tried again; what may still be done keeps its id
    if (error instanceof Problem && error.status < 500) await idempotency.abandon(id);
    throw error;
  } finally {
    underWay.delete(id);
  }
}
