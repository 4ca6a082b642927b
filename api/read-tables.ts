import { fedTabs, type FedTab, type Table } from '../domain/fed-tabs.ts';
import { type Mapping, readMapping } from '../domain/field-mapping.ts';
import { accessTo } from '../activities/plan-view.ts';
import { confirmedEncodings } from '../sources/confirmed-encodings.ts';
import { inspectFile } from '../sources/inspect-file.ts';
import { DEFAULT_ZIP_CAPS, ZipError } from '../sources/open-zip.ts';
import { type ReadablePart, readPart } from '../sources/read-part.ts';
import type { FileAccess, ReadRow } from '../sources/rows.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { Upload } from '../store/uploads.ts';
import type { Api } from './app.ts';
import { Problem } from './problem.ts';

/** A table of a request's uploads that can be read. */
export interface RequestTable extends Table, ReadablePart {
  access: FileAccess;
}

/** How long a call may look into the files, in milliseconds. */
const LOOK_MS = 20_000;

/** The request's mapping, or null when it has none; one that is no longer sound counts as none. */
export function mappingOf({ mapping }: Pick<RequestDocument, 'mapping'>): Mapping | null {
  const read = mapping === null || mapping === undefined ? null : readMapping(mapping);
  return read !== null && 'mapping' in read ? read.mapping : null;
}

/** The tabs that a table feeds by the request's mapping (A10). */
export function tabsFedBy(request: Pick<RequestDocument, 'mapping'>, table: Table): FedTab[] {
  return fedTabs(mappingOf(request), table);
}

/**
 * The tables of a request's files, those of its replies included; only their heads are read. What cannot be read as a table is left out.
 * @param file only this one
 * @throws Problem `unavailable` when looking takes too long
 */
export async function readTables(api: Api, request: RequestDocument, file?: string): Promise<RequestTable[]> {
  const uploads = (await api.stores.uploads.list(request.id)).filter(
    ({ name, reply }) =>
      (reply === null || request.replies.includes(reply)) && (file === undefined || name === file),
  );
  const tables: RequestTable[] = [];
  const signal = AbortSignal.timeout(LOOK_MS);
  for (const upload of uploads) tables.push(...(await tablesOf(api, request, upload, signal)));
  return tables;
}

async function tablesOf(
  api: Api,
  request: RequestDocument,
  upload: Upload,
  signal: AbortSignal,
): Promise<RequestTable[]> {
  const access = accessTo(api.storage, upload);
  const encoding = confirmedEncodings(upload.name, request.encodings);
  try {
    const { parts } = await inspectFile(access, {
      encoding,
      caps: DEFAULT_ZIP_CAPS,
      headersOnly: true,
      signal,
    });
    return parts.flatMap(({ kind, tabGuess, entry, header, encoding: found, delimiter }) =>
      kind === 'unknown'
        ? []
        : [{ file: upload.name, entry, tab: tabGuess, header, kind, encoding: found, delimiter, access }],
    );
  } catch (error) {
    if (signal.aborted) {
      throw new Problem('unavailable', `${upload.name} is too large to be looked into while you wait.`);
    }
    // the automatic checks tell what is wrong with it
    if (error instanceof ZipError) return [];
    throw error;
  }
}

/** The first rows of a table. */
export async function firstRows(table: RequestTable, most: number): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const batch of readPart(table.access, table, null, { batchRows: most })) {
    rows.push(...batch.rows);
    if (rows.length >= most) break;
  }
  return rows.slice(0, most);
}
