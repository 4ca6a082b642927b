import type { AllowedHosts } from '../sources/address-guard.ts';
import { openExportApi } from '../sources/export-api.ts';
import { SourceError } from '../sources/source-error.ts';
import type { Drafts } from '../store/drafts.ts';
import { KeyRingError } from '../store/key-ring.ts';
import type { SourceKeys } from '../store/source-keys.ts';
import type { OpenSource } from './ask-source.ts';
import { cancellation } from './beat.ts';
import { ImportError } from './errors.ts';

interface Deps {
  drafts: Pick<Drafts, 'latest'>;
  sourceKeys: Pick<SourceKeys, 'find'>;
  allowed: AllowedHosts;
}

/**
 * Makes what opens the source of a request: its address from what was typed, its key from the sealed store. The key goes into
 * the calls to the source and nowhere else (B3).
 */
export function makeOpenSource({ drafts, sourceKeys, allowed }: Deps): OpenSource {
  return async (request) => {
    const source = (await drafts.latest(request))?.draft.source;
    if (source?.kind !== 'api') {
      throw new ImportError(
        'REQUEST_INCOMPLETE',
        `request ${request} names no source that is read by an API`,
      );
    }
    const key = await keyOf(sourceKeys, request, source.address);
    const signal = cancellation();
    return openExportApi({
      address: source.address,
      key,
      allowed,
      ...(signal === undefined ? {} : { signal }),
    });
  };
}

async function keyOf(
  sourceKeys: Pick<SourceKeys, 'find'>,
  request: string,
  address: string,
): Promise<string> {
  let key: string | null;
  try {
    key = await sourceKeys.find(request, address);
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    throw new SourceError(
      'SOURCE_KEY_MISSING',
      'The key of the source cannot be opened any more: give it again.',
    );
  }
  if (key === null) throw new SourceError('SOURCE_KEY_MISSING', 'No key of the source was given.');
  return key;
}
