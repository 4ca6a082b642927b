import { createHash, hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { ReportSigner } from '../store/report-signature.ts';

// a ZIP keeps local time without a zone: this moment is written the same everywhere
const ENTRY = {
  mtime: new Date(2024, 0, 1),
  mode: 0o100644,
  forceDosTimestamp: true,
  // most of a report are digests, which no level makes smaller than a half
  compressionLevel: 1,
};

/** A report as it is packed: streamed, in constant memory, and the same content gives the same bytes (D3). */
export class ReportZip {
  readonly #zip = new ZipFile();
  readonly #output = this.#zip.outputStream as Readable;
  /** SHA-256 of the files so far, by path */
  readonly #sums: Record<string, string> = {};

  constructor() {
    this.#zip.on('error', (error: Error) => this.#output.destroy(error));
  }

  /** Adds a file whose content is made when its turn comes. */
  stream(path: string, make: () => AsyncIterable<Buffer>): void {
    // its place now, whenever it is written: the order must not depend on how fast files are read
    this.#sums[path] = '';
    this.#add(path, () => this.#summed(path, make()));
  }

  file(path: string, content: Buffer): void {
    this.#sums[path] = hash('sha256', content);
    this.#zip.addBuffer(content, path, ENTRY);
  }

  /**
   * Adds `summary.json` and its signature. The summary holds the SHA-256 of every file added before, so that its signature
   * speaks for the whole report.
   */
  summary(summary: object, signer: Pick<ReportSigner, 'sign'>): void {
    // made when its turn comes: then the files before have been written
    let told = Buffer.alloc(0);
    const sums = this.#sums;
    this.#add('summary.json', function* () {
      // in an order of their own: which is summed first depends on how quickly each is made
      const files = Object.fromEntries(Object.entries(sums).toSorted(([a], [b]) => (a < b ? -1 : 1)));
      told = Buffer.from(`${JSON.stringify({ ...summary, files }, null, 2)}\n`);
      yield told;
    });
    this.#add('summary.sig', function* () {
      yield Buffer.from(`${signer.sign(told)}\n`);
    });
  }

  async *#summed(path: string, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const sum = createHash('sha256');
    for await (const chunk of content) {
      sum.update(chunk);
      yield chunk;
    }
    this.#sums[path] = sum.digest('hex');
  }

  #add(path: string, make: () => Iterable<Buffer> | AsyncIterable<Buffer>): void {
    this.#zip.addReadStreamLazy(path, ENTRY, (give) => {
      const stream = Readable.from(make());
      stream.once('error', (error) => this.#output.destroy(error));
      give(null, stream);
    });
  }

  /** The report, once everything is added. */
  end(): NodeJS.ReadableStream {
    this.#zip.end();
    return this.#output;
  }
}
