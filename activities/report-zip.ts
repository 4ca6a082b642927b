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

  constructor() {
    this.#zip.on('error', (error: Error) => this.#output.destroy(error));
  }

  /** Adds a file whose content is made when its turn comes. */
  stream(path: string, make: () => AsyncIterable<Buffer>): void {
    this.#zip.addReadStreamLazy(path, ENTRY, (give) => {
      const stream = Readable.from(make());
      stream.once('error', (error) => this.#output.destroy(error));
      give(null, stream);
    });
  }

  file(path: string, content: Buffer): void {
    this.#zip.addBuffer(content, path, ENTRY);
  }

  /** Adds `summary.json` and its signature. The summary speaks for the whole report. */
  summary(summary: object, signer: Pick<ReportSigner, 'sign'>): void {
    const told = Buffer.from(`${JSON.stringify(summary, null, 2)}\n`);
    this.file('summary.json', told);
    this.file('summary.sig', Buffer.from(`${signer.sign(told)}\n`));
  }

  /** The report, once everything is added. */
  end(): NodeJS.ReadableStream {
    this.#zip.end();
    return this.#output;
  }
}
