/** Where in an S3 storage an installation keeps its files. */
export interface Bucket {
  bucket: string;
  /** '' or ends in `/` */
  prefix: string;
  region: string;
  /** null = Amazon's own */
  endpoint: string | null;
  pathStyle: boolean;
}

/** Reads `s3://bucket` or `s3://bucket/prefix`; null when it is neither. */
export function readBucketAddress(text: string): { bucket: string; prefix: string } | null {
  const parts = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/.exec(text.trim());
  if (parts === null) return null;
  const [, bucket = '', path = ''] = parts;
  const good = path === '' || path.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(part));
  return good ? { bucket, prefix: path === '' ? '' : `${path}/` } : null;
}

/** Variables that mean something only beside STORAGE_URL. */
const BESIDE_URL = [
  'STORAGE_ENDPOINT',
  'STORAGE_REGION',
  'STORAGE_PATH_STYLE',
  'STORAGE_LOCAL_COPIES',
] as const;

/** What is wrong with the storage's variables together. */
export function bucketFaults(
  given: Readonly<Record<string, string | undefined>>,
): { variable: string; fault: string }[] {
  if (given['STORAGE_URL'] === undefined) {
    return BESIDE_URL.filter((variable) => given[variable] !== undefined).map((variable) => ({
      variable,
      fault: 'is set, but STORAGE_URL is not',
    }));
  }
  const needsRegion = given['STORAGE_ENDPOINT'] === undefined && given['AWS_REGION'] === undefined;
  const halves = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
  const missing = halves.filter((variable) => given[variable] === undefined);
  return [
    ...(needsRegion && given['STORAGE_REGION'] === undefined
      ? [{ variable: 'STORAGE_REGION', fault: 'is not set, and neither STORAGE_ENDPOINT nor AWS_REGION is' }]
      : []),
    ...(missing.length === 1
      ? missing.map((variable) => ({ variable, fault: 'is not set, but its other half is' }))
      : []),
  ];
}
