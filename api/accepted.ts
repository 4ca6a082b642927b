import { z } from 'zod';
import type { RequestDocument } from '../store/requests.ts';
import { ETAG, LOCATION } from './answer-headers.ts';
import { migrationAnswer } from './answers.ts';
import type { Api } from './app.ts';
import { entityTag } from './redo-steps.ts';
import type { Answer, AnswerShape } from './route.ts';
import { migrationPath, showMigration } from './show-migration.ts';

/** How the answer to a command is described. */
export function acceptedAnswer(what: string): Readonly<Record<number, AnswerShape>> {
  return {
    202: {
      description: `${what}; the request as it stands. \`Location\` is where it is seen to go on.`,
      schema: migrationAnswer,
      headers: z.object({ ...ETAG, ...LOCATION }),
    },
  };
}

/** H: what a command is answered with: it was taken, and the work goes on where the request is read. */
export async function accepted(api: Api, request: RequestDocument): Promise<Answer> {
  return {
    status: 202,
    body: await showMigration(api, request),
    headers: { Location: migrationPath(request.id), ETag: entityTag(request) },
  };
}
