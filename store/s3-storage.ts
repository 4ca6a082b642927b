import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { S3Driver } from 'flydrive/drivers/s3';
import { openLocalCopies } from './local-copies.ts';
import { asStorageError, isOutOfRange } from './s3-errors.ts';
import {
  checkedKey,
  nothing,
  type Storage,
  StorageBucketMissing,
  StorageNotFound,
  StorageReplaced,
  StorageUnreachable,
} from './storage.ts';

/** A place in an S3 storage, Amazon's or another. */
export interface S3Place {
  bucket: string;
  /** keys stand under it: `deskferry/`; '' = everywhere in the bucket */
  prefix: string;
  region: string;
  /** null = Amazon's own */
  endpoint: string | null;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key` */
  pathStyle: boolean;
  /** without them what the AWS SDK finds: the environment, its files, the role of the machine */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** The least that S3 takes; of an upload two or three are held at a time, and 10,000 make 52 GB. */
const PART_BYTES = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 2;

/** S3 deletes, and lists, so many at a time. */
const PAGE = 1_000;

/** How often a body that breaks off is asked for again without one byte more of it. */
const FRUITLESS = 3;

/**
 * Storage in an S3 bucket. What is put is there at once and whole; a body of several parts is put together at its end, or
 * thrown away.
 * @param options.copies folder of this machine for localPath, and the bytes that may lie there
 */
export function openS3Storage(options: {
  place: S3Place;
  copies: { folder: string; bytes: number };
}): Storage {
  const { bucket, prefix: root, region, endpoint, pathStyle, credentials } = options.place;
  const client = new S3Client({
    region,
    forcePathStyle: pathStyle,
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 4,
    // a stream that checks would stay open when its reader leaves; what matters is checked by its own SHA-256
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 5_000,
      socketTimeout: 60_000,
      // readers keep theirs while they work on what they have read
      httpsAgent: { maxSockets: 200 },
      httpAgent: { maxSockets: 200 },
    },
  });
  const driver = new S3Driver({ client, bucket, visibility: 'private', supportsACL: false });
  const copies = openLocalCopies(options.copies);
  const nameOf = (key: string): string => `${root}${checkedKey(key)}`;

  /** @throws what the storage says, as our own errors */
  async function asked<T>(key: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw asStorageError(error, key, bucket);
    }
  }

  async function head(key: string): Promise<{ bytes: number; version: string }> {
    try {
      const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: nameOf(key) }));
      return { bytes: found.ContentLength ?? 0, version: found.ETag ?? '' };
    } catch (error) {
      const told = asStorageError(error, key, bucket);
      if (told instanceof StorageNotFound) await requireBucket();
      throw told;
    }
  }

  /** The answer to HEAD has no words: it does not say whether the body is missing or the bucket. */
  async function requireBucket(): Promise<void> {
    try {
      await client.send(new HeadBucketCommand({ Bucket: bucket }));
    } catch (error) {
      const told = asStorageError(error, '', bucket);
      throw told instanceof StorageNotFound ? new StorageBucketMissing(bucket, told) : told;
    }
  }

  /** null = the range begins behind the end. @param version only of the body that has this ETag */
  async function open(
    key: string,
    from: number,
    to: number,
    version?: string,
  ): Promise<GetObjectCommandOutput | null> {
    const all = from === 0 && to === Number.POSITIVE_INFINITY;
    const last = to === Number.POSITIVE_INFINITY ? '' : to - 1;
    try {
      return await client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: nameOf(key),
          ...(all ? {} : { Range: `bytes=${from}-${last}` }),
          ...(version === undefined ? {} : { IfMatch: version }),
        }),
      );
    } catch (error) {
      if (isOutOfRange(error)) return null;
      throw asStorageError(error, key, bucket);
    }
  }

  /** What was opened, to its end: where the line breaks, the rest is asked for. */
  async function* whole(
    key: string,
    opened: GetObjectCommandOutput,
    from: number,
  ): AsyncGenerator<Uint8Array> {
    const end = from + (opened.ContentLength ?? 0);
    let body = opened.Body;
    for (let at = from, fruitless = 0; ; ) {
      let broken: unknown = new StorageUnreachable(new Error('a body ended too early'));
      if (body instanceof Readable) {
        try {
          for await (const piece of body as AsyncIterable<Uint8Array>) {
            at += piece.byteLength;
            fruitless = 0;
            yield piece;
          }
        } catch (error) {
          broken = asStorageError(error, key, bucket);
        } finally {
          body.destroy();
        }
      }
      if (at >= end) return;
      fruitless += 1;
      if (fruitless > FRUITLESS) throw broken;
      const rest = await open(key, at, end, opened.ETag);
      // one that is shorter by now
      if (rest === null) throw new StorageReplaced(key);
      body = rest.Body;
    }
  }

  async function read(
    key: string,
    from = 0,
    to = Number.POSITIVE_INFINITY,
  ): Promise<AsyncIterable<Uint8Array>> {
    if (from >= to) {
      await head(key);
      return nothing();
    }
    const opened = await open(key, from, to);
    return opened === null ? nothing() : whole(key, opened, from);
  }

  async function* pages(prefix: string): AsyncGenerator<string[]> {
    const under = `${nameOf(prefix.replace(/\/$/, ''))}/`;
    for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
      // the driver itself: Disk takes the slash from the prefix, and `a/1/` would list `a/10/` too
      const page = await asked(prefix, () =>
        driver.listAll(under, {
          recursive: true,
          maxResults: PAGE,
          ...(next === undefined ? {} : { paginationToken: next }),
        }),
      );
      const keys: string[] = [];
      for (const each of page.objects) if (each.isFile) keys.push(each.key.slice(root.length));
      yield keys;
      next = page.paginationToken;
    }
  }

  return {
    async put(key, body) {
      const hash = createHash('sha256');
      let bytes = 0;
      let cut: { error: unknown } | null = null;
      const count = (piece: Uint8Array | string): Uint8Array => {
        const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
        hash.update(chunk);
        bytes += chunk.byteLength;
        return chunk;
      };
      async function* counted(pieces: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
        try {
          for await (const piece of pieces) yield count(piece);
        } catch (error) {
          cut = { error };
          throw error;
        }
      }
      const Body =
        body instanceof Uint8Array
          ? count(body)
          : Readable.from(counted(body as AsyncIterable<Uint8Array | string>));
      const upload = new Upload({
        client,
        params: { Bucket: bucket, Key: nameOf(key), Body },
        partSize: PART_BYTES,
        queueSize: PARTS_AT_ONCE,
      });
      try {
        await upload.done();
      } catch (error) {
        // what the body threw is told as it is, also where throwing away its parts failed as well
        throw cut === null ? asStorageError(error, key, bucket) : (cut as { error: unknown }).error;
      }
      return { bytes, sha256: hash.digest('hex') };
    },
    read,
    bytes: async (key) => (await head(key)).bytes,
    exists: (key) => asked(key, () => driver.exists(nameOf(key))),
    async get(key) {
      const pieces: Uint8Array[] = [];
      for await (const piece of await read(key)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    async localPath(key, alive = () => {}) {
      const { bytes, version } = await head(key);
      return copies.path({ key, version, bytes }, async (file) => {
        const body = await read(key);
        await pipeline(
          async function* () {
            for await (const piece of body) {
              alive();
              yield piece;
            }
          },
          createWriteStream(file, { flags: 'wx' }),
        );
      });
    },
    async remove(key) {
      await asked(key, () => driver.delete(nameOf(key)));
      await copies.drop([key]);
    },
    async removeAll(prefix) {
      let count = 0;
      for await (const keys of pages(prefix)) {
        if (keys.length === 0) continue;
        const { Errors = [] } = await asked(prefix, () =>
          client.send(
            new DeleteObjectsCommand({
              Bucket: bucket,
              Delete: { Quiet: true, Objects: keys.map((key) => ({ Key: nameOf(key) })) },
            }),
          ),
        );
        // some may stay while the call as a whole succeeds
        const [left] = Errors;
        if (left !== undefined) {
          const error = Object.assign(new Error('not removed'), { name: left.Code ?? 'Unknown' });
          throw asStorageError(error, prefix, bucket);
        }
        await copies.drop(keys);
        count += keys.length;
      }
      return count;
    },
    async *list(prefix) {
      for await (const keys of pages(prefix)) yield* keys;
    },
  };
}
