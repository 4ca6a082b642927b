import type { Configuration } from './read-configuration.ts';
import type { TemporalTls } from './read-temporal-tls.ts';

/** A client tries again at least so often while Temporal is away; the library's own pauses grow to two minutes. */
export const RECONNECTING = { 'grpc.max_reconnect_backoff_ms': 5_000 } as const;

/** How Temporal is reached, by its client and by its worker alike. */
export function reachTemporal({
  address,
  apiKey,
  tls,
}: Pick<Configuration['temporal'], 'address' | 'apiKey' | 'tls'>): {
  address: string;
  tls: TemporalTls | false;
  apiKey?: string;
} {
  // left out, the SDK would speak TLS as soon as there is a key
  return { address, tls: tls ?? false, ...(apiKey === null ? {} : { apiKey }) };
}
