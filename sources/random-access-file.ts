import { type FileHandle, open } from 'node:fs/promises';
import { RandomAccessReader } from 'yauzl';

const CHUNK_BYTES = 128 * 1024;

/**
 * A file on the local disk as the ZIP library reads it. The library's own reader keeps reads in a queue and fails, beyond any
 * catch, when a stream is let go whose read still waits there; here every reader asks the file itself, which closes when the
 * reads under way have ended.
 */
export class RandomAccessFile extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly bytes: number;

  private constructor(file: FileHandle, bytes: number) {
    super();
    this.#file = file;
    this.bytes = bytes;
  }

  /** @throws the file system's error when the path cannot be opened */
  static async open(path: string): Promise<RandomAccessFile> {
    const file = await open(path, 'r');
    try {
      return new RandomAccessFile(file, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => process.nextTick(callback, null, bytesRead),
      (error: unknown) => process.nextTick(callback, error),
    );
  }

  /** The bytes [from, to), fewer when the file ends. Ends with an error when the file is closed meanwhile. */
  async *slice(from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = from; at < to; ) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, to - at));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  override close(callback: (error: Error | null) => void): void {
    const closed = (): void => callback(null);
    // a file that was only read loses nothing by a failed close
    this.#file.close().then(closed, closed);
  }
}
