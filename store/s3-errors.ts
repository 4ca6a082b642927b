import {
  StorageBucketMissing,
  StorageDenied,
  StorageNotFound,
  StorageReplaced,
  StorageUnreachable,
} from './storage.ts';

/** No credentials, wrong ones, those of another region, or no right to do it. */
const DENIED = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
  'TokenProviderError',
]);

const AWAY = new Set([
  'InternalError',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'TimeoutError',
  'Throttling',
]);

const NETWORK = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Whether a range was asked for that begins behind the end. */
export function isOutOfRange(error: unknown): boolean {
  return statusOf(error) === 416;
}

/** What S3 or the way to it said, as one of the storage's own errors; anything else as it is. */
export function asStorageError(error: unknown, key: string, bucket: string): unknown {
  if (!(error instanceof Error)) return error;
  const status = statusOf(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'NoSuchBucket') return new StorageBucketMissing(bucket, error);
  if (error.name === 'NoSuchKey' || error.name === 'NotFound' || status === 404)
    return new StorageNotFound(key);
  if (status === 412) return new StorageReplaced(key);
  if (DENIED.has(error.name) || status === 401 || status === 403) return new StorageDenied(error);
  if (AWAY.has(error.name) || NETWORK.has(code) || status === 429 || (status !== null && status >= 500)) {
    return new StorageUnreachable(error);
  }
  return error;
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof Error && '$metadata' in error)) return null;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
  return httpStatusCode ?? null;
}
