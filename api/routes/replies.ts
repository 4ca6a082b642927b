import { z } from 'zod';
import type { RequestDocument } from '../../store/requests.ts';
import { uploadKey } from '../../store/uploads.ts';
import { accepted, acceptedAnswer } from '../accepted.ts';
import { answerOnce, callId, repeatsAnswered } from '../answer-once.ts';
import type { Api } from '../app.ts';
import { replyBody } from '../bodies.ts';
import { requireStillKnown } from '../principal.ts';
import { Problem } from '../problem.ts';
import { hasBody } from '../read-body.ts';
import { command, readRequest } from '../read-request.ts';
import { discardReply, newReplyKey, type ReceivedReply, receiveReply } from '../receive-reply.ts';
import { type Answer, type Call, type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

type ReplyCall = Call<z.output<typeof requestParams>>;

const form = z
  .strictObject({
    text: z.string().optional(),
    mapping: z.string().optional().meta({ description: 'The field mapping, as JSON.' }),
    files: z.array(z.string().meta({ format: 'binary' })).optional(),
  })
  .meta({ id: 'ReplyForm' });

/** Replies within the window (E1, E2). */
export function replyRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations/{request}/replies',
      operation: 'reply',
      tag: 'Commands',
      summary: 'Reply to the report of phase 1',
      description:
        'Corrected mappings, mended files, new exports, or a text. Large files come as multipart/form-data, small ones may come in JSON as base64. After the window a reply is refused, and a mail says so.',
      who: ['requester'],
      params: requestParams,
      streams: { 'application/json': replyBody, 'multipart/form-data': form },
      idempotent: 'itself',
      answers: acceptedAnswer('Recorded'),
      handle: (call) => reply(api, call),
    }),
  ];
}

async function reply(api: Api, call: ReplyCall): Promise<Answer | null> {
  const request = await readRequest(api, call.principal, call.params.request);
  if (request.replyWindow === null) {
    throw new Problem(
      'wrong-state',
      `The request is ${request.state}; replies are taken after phase 1, in the reply window.`,
      {
        members: { state: request.state },
      },
    );
  }
  const late = request.state !== 'REPLY_WINDOW' || request.replyWindow.endsAt.getTime() <= Date.now();
  // the repetition of a reply that came in time is not late
  if (late && !(await repeatsAnswered(api, call))) return refuseLate(api, call, request);
  if (!hasBody(call.request)) throw new Problem('invalid-body', 'Send a text, a mapping or files.');

  const room = { request, reply: newReplyKey(), taken: await takenFiles(api, request) };
  const received = await receiveReply(api, call.request, call.response, room);
  // what makes it the same reply when it comes again: not the bytes of the form, whose boundary differs every time
  const same = JSON.stringify([
    received.text,
    received.mapping,
    received.files.map(({ name, sha256 }) => [name, sha256]),
  ]);
  let taken = false;
  try {
    await requireStillKnown(api, call);
    return await answerOnce(api, call, same, async () => {
      const after = await takeReply(api, call, request, received);
      taken = true;
      return accepted(api, after);
    });
  } catch (error) {
    // without an answer it may still be taken: then its files have to be there
    if (error instanceof Problem && error.code === 'unavailable') taken = true;
    throw error;
  } finally {
    if (!taken) await discardReply(api, received);
  }
}

async function takenFiles(api: Api, request: RequestDocument): Promise<{ key: string; bytes: number }[]> {
  const uploads = await api.stores.uploads.list(request.id);
  return uploads.filter(({ reply }) => reply !== null && request.replies.includes(reply));
}

async function takeReply(
  api: Api,
  call: ReplyCall,
  request: RequestDocument,
  { text, mapping, files: received }: ReceivedReply,
): Promise<RequestDocument> {
  const at = new Date();
  const { by } = call.principal;
  // of a call that comes again it is the same reply, with the same files
  const key = newReplyKey(callId(call));
  const files = received.map((file) => ({ ...file, key: uploadKey(request.id, file.name, key) }));
  for (const { key: upload, ...file } of files) {
    // it came when the answer was lost
    if ((await api.stores.uploads.get(request.id, upload)) !== null) {
      await api.storage.remove(file.storageKey);
      continue;
    }
    await api.stores.uploads.put({ request: request.id, key: upload, ...file, uploadedAt: at, reply: key });
  }
  await api.stores.replies.put({
    request: request.id,
    key,
    at,
    by,
    text,
    mapping,
    files: files.map((file) => file.key),
  });
  try {
    return await command(api, call, request, 'reply', {
      by,
      key,
      files: files.map(({ key, bytes }) => ({ key, bytes })),
    });
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'unavailable')) {
      for (const file of files) await api.stores.uploads.remove(request.id, file.key);
    }
    throw error;
  }
}

/** E2: what comes after the window is refused without its files being read; the workflow has to know, because a mail says so. */
async function refuseLate(api: Api, call: ReplyCall, request: RequestDocument): Promise<never> {
  const key = newReplyKey();
  const { by } = call.principal;
  await api.stores.replies.put({
    request: request.id,
    key,
    at: new Date(),
    by,
    text: '',
    mapping: null,
    files: [],
  });
  await command(api, call, request, 'reply', { by, key, files: [] }).catch((error: unknown) => {
    if (!(error instanceof Problem && error.code === 'wrong-state')) throw error;
  });
  throw new Problem(
    'window-closed',
    `Replies were accepted until ${request.replyWindow?.endsAt.toISOString()}; file a new request when this one has ended.`,
  );
}
