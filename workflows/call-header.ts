import { defaultPayloadConverter, type Headers } from '@temporalio/common';

/** Header that carries the id of the API call (`X-Request-Id`) by which something is done. */
const CALL_HEADER = 'deskferry-call';

/** The call that headers name; null when they name none. */
export function callIn(headers: Headers): string | null {
  const payload = headers[CALL_HEADER];
  if (payload === undefined) return null;
  const call: unknown = defaultPayloadConverter.fromPayload(payload);
  return typeof call === 'string' ? call : null;
}

/** Headers that name a call besides; as they are when there is none. */
export function withCall(headers: Headers, call: string | null): Headers {
  return call === null ? headers : { ...headers, [CALL_HEADER]: defaultPayloadConverter.toPayload(call) };
}
