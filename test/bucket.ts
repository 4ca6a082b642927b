import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { startS3, type S3Server } from '../stack/stack.ts';
import { openS3Storage, type S3Place } from '../store/s3-storage.ts';
import type { Storage } from '../store/storage.ts';

/** An S3 server of a test's own with one bucket, and a look into it that does not go by the storage. */
export interface BucketForTests {
  server: S3Server;
  /** @param changed what is to be different */
  place(changed?: Partial<S3Place>): S3Place;
  /** A storage under a prefix of its own, or where it is said. @param bytes that its local copies may weigh */
  open(place?: S3Place, bytes?: number): Storage;
  /** folder of the local copies of all storages opened here */
  copies: string;
  /** folder that the server keeps the objects in, by their names */
  folder: string;
  /** names of the objects under a prefix, itself included */
  objects(prefix: string): Promise<string[]>;
  /** names of the uploads of several parts that are not put together yet */
  openUploads(prefix: string): Promise<string[]>;
  /** Takes the server away, or brings it back on the same port with the same data. */
  away(): Promise<void>;
  back(): Promise<void>;
  stop(): Promise<void>;
}

const BUCKET = 'deskferry-files';

export async function startBucket(): Promise<BucketForTests> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-s3-'));
  const copies = join(dataFolder, 'copies');
  const start = (port?: number): Promise<S3Server> =>
    startS3({ dataFolder, buckets: [BUCKET], ...(port === undefined ? {} : { port }) });
  let server = await start();
  const { endpoint, port, credentials } = server;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  const place = (changed: Partial<S3Place> = {}): S3Place => ({
    bucket: BUCKET,
    prefix: `t${randomBytes(4).toString('hex')}/`,
    region: 'us-east-1',
    endpoint,
    pathStyle: true,
    credentials,
    ...changed,
  });
  return {
    server,
    place,
    open: (at = place(), bytes = 1_000_000_000) =>
      openS3Storage({ place: at, copies: { folder: copies, bytes } }),
    copies,
    folder: join(dataFolder, 's3', 'buckets', BUCKET),
    async objects(prefix) {
      const { Contents = [] } = await client.send(
        new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }),
      );
      return Contents.map(({ Key = '' }) => Key);
    },
    async openUploads(prefix) {
      const { Uploads = [] } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: prefix }),
      );
      return Uploads.map(({ Key = '' }) => Key);
    },
    away: () => server.kill(),
    async back() {
      server = await start(port);
    },
    async stop() {
      client.destroy();
      await server.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
