import { defineSearchAttributeKey } from '@temporalio/common';
import { sleep, upsertSearchAttributes } from '@temporalio/workflow';

/** Sets a search attribute and waits for two weeks: what the test of the time-skipping server runs. */
export async function waiting(): Promise<string> {
  upsertSearchAttributes([
    { key: defineSearchAttributeKey('MigrationState', 'KEYWORD'), value: 'REPLY_WINDOW' },
  ]);
  await sleep('14 days');
  return 'over';
}
