import { join } from 'node:path';
import type { S3Place } from './s3-storage.ts';
import { openStorage, type Storage } from './storage.ts';

/** Where an installation keeps its files. */
export interface StoragePlace {
  /** working folder of this machine; without a bucket the storage itself */
  storageFolder: string;
  bucket: S3Place | null;
  /** bytes that copies of stored files may take in the folder */
  localCopies: number;
}

/** Opens the storage of an installation: its bucket if it has one, else its folder. Nothing is asked of it yet. */
export async function storageAt({ storageFolder, bucket, localCopies }: StoragePlace): Promise<Storage> {
  if (bucket === null) return openStorage({ folder: storageFolder });
  // loaded only where it is needed: S3 takes a process a third of a second and some 40 MB
  const { openS3Storage } = await import('./s3-storage.ts');
  return openS3Storage({
    place: bucket,
    copies: { folder: join(storageFolder, '.copies'), bytes: localCopies },
  });
}
