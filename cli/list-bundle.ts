import { type Entry, open } from 'yauzl';
import { usageFailure } from './command-failure.ts';

/** The names of the files in a ZIP. @throws CommandFailure when it is none */
export function listBundle(path: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const refuse = (): void => reject(usageFailure(`${path} cannot be read as a ZIP.`));
    open(path, { lazyEntries: true }, (error, zip) => {
      if (error !== null) return refuse();
      const names: string[] = [];
      zip.on('entry', (entry: Entry) => {
        names.push(entry.fileName);
        zip.readEntry();
      });
      zip.once('end', () => resolve(names));
      zip.once('error', refuse);
      zip.readEntry();
    });
  });
}
