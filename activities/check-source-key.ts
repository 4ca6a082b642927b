import { ApplicationFailure } from '@temporalio/common';
import { type OpenSource, patiently, withSource } from './ask-source.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/**
 * B3: makes the activity that tries the key of a request's source.
 * @throws ApplicationFailure SOURCE_... when that cannot be told: the source is away, or answers otherwise
 */
export function makeCheckSourceKey(deps: { openSource: OpenSource }): LifecycleActivities['checkSourceKey'] {
  return async ({ request }) => {
    try {
      await withSource(deps.openSource, request, (source) => patiently(() => source.inventory(null)));
      return { works: true };
    } catch (error) {
      if (error instanceof ApplicationFailure && error.type?.startsWith('SOURCE_KEY_') === true)
        return { works: false };
      throw error;
    }
  };
}
