import type { RequestDocument, Requests } from '../store/requests.ts';
import { ImportError } from './errors.ts';

/** Where the records of a request are. */
export interface UndoPlace {
  document: RequestDocument;
  portal: string;
  scope: string;
}

/** @throws ImportError REQUEST_INCOMPLETE for a request that never had a portal and a source */
export async function undoPlaceOf(requests: Pick<Requests, 'get'>, request: string): Promise<UndoPlace> {
  const document = await requests.get(request);
  const portal = document?.desk?.portal ?? null;
  const scope = document?.source?.scope;
  if (document === null || portal === null || scope === undefined) {
    throw new ImportError('REQUEST_INCOMPLETE', `request ${request} has no portal or no source to be undone`);
  }
  return { document, portal, scope };
}
