import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts message and stack of every failure into a payload, so that they are encrypted as all payloads are. Loaded by its
 * path, in workflows and outside, where payloads are encrypted.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
