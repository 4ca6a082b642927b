import { defaultPayloadConverter, type Headers } from '@temporalio/common';

/** Header that carries the id of the API call (`X-Request-Id`) by which something is done. */
const CALL_HEADER = 'deskferry-call';
/** Header in which OpenTelemetry's interceptors carry the trace something belongs to. */
const TRACE_HEADER = '_tracer-data';

/** The call that headers name; null when they name none. */
export function callIn(headers: Headers): string | null {
  const call = valueOf(headers, CALL_HEADER);
  return typeof call === 'string' ? call : null;
}

/** The trace that headers name, as W3C trace context; empty when they name none. */
export function traceIn(headers: Headers): Record<string, string> {
  const carrier = valueOf(headers, TRACE_HEADER);
  return typeof carrier === 'object' && carrier !== null ? (carrier as Record<string, string>) : {};
}

/** Headers that name a call besides; as they are when there is none. */
export function withCall(headers: Headers, call: string | null): Headers {
  return call === null ? headers : { ...headers, [CALL_HEADER]: defaultPayloadConverter.toPayload(call) };
}

/** Of headers those that go along to what is begun; null when they name neither a call nor a trace. */
export function goingAlong(headers: Headers): Headers | null {
  const along = Object.entries(headers).filter(([name]) => name === CALL_HEADER || name === TRACE_HEADER);
  return along.length === 0 ? null : Object.fromEntries(along);
}

function valueOf(headers: Headers, name: string): unknown {
  const payload = headers[name];
  return payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
}
