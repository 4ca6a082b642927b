import { KeyRingError } from '../store/key-ring.ts';
import type { SealedSourceKey } from '../store/source-keys.ts';
import type { Api } from './app.ts';
import { Problem } from './problem.ts';

/** Seals a key in the store. @throws Problem `not-possible` when no encryption key is configured */
export async function keepSourceKey(
  api: Pick<Api, 'sourceKeys'>,
  request: string,
  address: string,
  key: string,
): Promise<SealedSourceKey> {
  try {
    return await api.sourceKeys.keep(request, address, key);
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    throw new Problem(
      'not-possible',
      'Keys of sources cannot be kept here: no encryption key is configured. Ask those who run this service.',
    );
  }
}
