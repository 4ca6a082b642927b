import type { z } from 'zod';
import type { Role } from '../../store/keys.ts';
import type { UpdateArguments } from '../../workflows/messages.ts';
import { accepted, acceptedAnswer } from '../accepted.ts';
import type { Api } from '../app.ts';
import { limitBody, mayReasonBody, noBody, reasonBody, resumeBody, retryBody } from '../bodies.ts';
import type { Principal } from '../principal.ts';
import { command, readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

interface CommandDefinition<U extends keyof UpdateArguments, B extends z.ZodType> {
  /** last part of the address */
  name: string;
  update: U;
  summary: string;
  description?: string;
  who: readonly Role[];
  body: B;
  argument: (principal: Principal, body: z.output<B>) => UpdateArguments[U];
}

function commandRoute<U extends keyof UpdateArguments, B extends z.ZodType>(
  api: Api,
  definition: CommandDefinition<U, B>,
): Route {
  const { name, update, summary, description, who, body, argument } = definition;
  return route({
    method: 'post',
    path: `/v1/migrations/{request}/${name}`,
    operation: update,
    tag: 'Commands',
    summary,
    ...(description === undefined ? {} : { description }),
    who,
    params: requestParams,
    body,
    answers: acceptedAnswer('Taken'),
    handle: async (call) => {
      const request = await readRequest(api, call.principal, call.params.request);
      return accepted(api, await command(api, call, request, update, argument(call.principal, call.body)));
    },
  });
}

const given = (
  { by }: Principal,
  { reason }: { reason?: string | undefined },
): { by: string; reason?: string } => (reason === undefined ? { by } : { by, reason });

const REQUESTER: readonly Role[] = ['requester'];
const OPERATOR: readonly Role[] = ['operator'];
const BOTH: readonly Role[] = ['requester', 'operator'];

/** The commands that move a request from state to state (A6, A11, B1, E2, F1). */
export function commandRoutes(api: Api): Route[] {
  return [
    commandRoute(api, {
      name: 'precheck',
      update: 'precheck',
      summary: 'Run the automatic checks',
      description:
        'By the requester at any time before submission, as often as wanted (A11); by an operator while verifying. What they found is read at `findings`.',
      who: BOTH,
      body: noBody,
      argument: ({ by }) => ({ by }),
    }),
    commandRoute(api, {
      name: 'submit',
      update: 'submit',
      summary: 'Submit the request',
      description: 'Refused while a step is missing, naming it (A2).',
      who: REQUESTER,
      body: noBody,
      argument: ({ by }) => ({ by }),
    }),
    commandRoute(api, {
      name: 'cancel',
      update: 'cancel',
      summary: 'Cancel the request',
      description: 'Only while it is PENDING (A6).',
      who: BOTH,
      body: mayReasonBody,
      argument: given,
    }),
    commandRoute(api, {
      name: 'verification',
      update: 'take',
      summary: 'Take a submitted request for verification',
      who: OPERATOR,
      body: noBody,
      argument: ({ by }) => ({ by }),
    }),
    commandRoute(api, {
      name: 'approve',
      update: 'approve',
      summary: 'Approve a request',
      description: 'Refused while there are blocking findings (B1).',
      who: OPERATOR,
      body: mayReasonBody,
      argument: given,
    }),
    commandRoute(api, {
      name: 'reject',
      update: 'reject',
      summary: 'Reject a request for good',
      who: OPERATOR,
      body: reasonBody,
      argument: ({ by }, { reason }) => ({ by, reason }),
    }),
    commandRoute(api, {
      name: 'send-back',
      update: 'sendBack',
      summary: 'Send a request back for mending',
      who: OPERATOR,
      body: reasonBody,
      argument: ({ by }, { reason }) => ({ by, reason }),
    }),
    commandRoute(api, {
      name: 'limit',
      update: 'grantLimits',
      summary: 'Grant larger limits',
      description: 'What a trial portal may migrate cannot be granted (A4, A5).',
      who: OPERATOR,
      body: limitBody,
      argument: ({ by }, { reason, bytes, files, fileBytes }) => ({
        by,
        reason,
        limits: {
          ...(bytes === undefined ? {} : { totalBytes: bytes }),
          ...(files === undefined ? {} : { files }),
          ...(fileBytes === undefined ? {} : { fileBytes }),
        },
      }),
    }),
    commandRoute(api, {
      name: 'pause',
      update: 'pause',
      summary: 'Pause a migration',
      who: OPERATOR,
      body: reasonBody,
      argument: given,
    }),
    commandRoute(api, {
      name: 'resume',
      update: 'resume',
      summary: 'Resume a paused migration',
      who: OPERATOR,
      body: resumeBody,
      argument: (principal, body) => ({
        ...given(principal, body),
        ...(body.accept === undefined ? {} : { accept: body.accept }),
      }),
    }),
    commandRoute(api, {
      name: 'stop',
      update: 'stop',
      summary: 'Stop a migration for good',
      description: 'Keeps what is done and writes the report (F1).',
      who: OPERATOR,
      body: reasonBody,
      argument: given,
    }),
    commandRoute(api, {
      name: 'retry',
      update: 'retryTab',
      summary: "Try a tab's failed records once more",
      description: 'While its phase is paused, or in the reply window: a new version of the report (F1).',
      who: OPERATOR,
      body: retryBody,
      argument: (principal, body) => ({ ...given(principal, body), tab: body.tab }),
    }),
    commandRoute(api, {
      name: 'phase-2',
      update: 'startPhase2',
      summary: 'Ask for phase 2 to start early',
      description: 'It starts when both the requester and an operator have asked (E2).',
      who: BOTH,
      body: noBody,
      argument: ({ by }) => ({ by }),
    }),
  ];
}
