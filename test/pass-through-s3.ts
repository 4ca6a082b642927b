import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { openS3Storage, type S3Place } from '../store/s3-storage.ts';

// Run by a test in a process of its own: stores a large body, reads it again, and says by how much the process grew.
const place = JSON.parse(process.env['S3_PLACE'] ?? '') as S3Place;
const storage = openS3Storage({ place, copies: { folder: tmpdir(), bytes: 1 } });
const MEGABYTE = 1024 * 1024;

async function* pieces(megabytes: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < megabytes; n++) yield Buffer.alloc(MEGABYTE, n);
}

await storage.put('small', pieces(6));
const before = process.resourceUsage().maxRSS;
const { bytes, sha256 } = await storage.put('large', pieces(200));
const hash = createHash('sha256');
for await (const piece of await storage.read('large')) hash.update(piece);
const grownMb = Math.round((process.resourceUsage().maxRSS - before) / 1024);
process.stdout.write(JSON.stringify({ bytes, same: hash.digest('hex') === sha256, grownMb }), () =>
  process.exit(),
);
