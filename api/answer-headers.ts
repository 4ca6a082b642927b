import { z } from 'zod';

/** Headers of answers, as the OpenAPI document tells them. */

const text = (description: string) => z.string().meta({ description });
const number = (description: string) => z.string().regex(/^\d+$/).meta({ description });

export const ETAG = {
  ETag: text('The revision of the request, in quotes; `If-Match` of calls that redo steps.').meta({
    example: '"3"',
  }),
};
export const FILE_TAG = {
  ETag: text('The SHA-256 of the file, in quotes; `If-Match` of calls that replace or drop it.'),
};
export const LOCATION = { Location: text('Its address.') };
export const UPLOAD = {
  'Tus-Resumable': text('The version of tus that is spoken.'),
  'Upload-Expires': text('Until when it may be unfinished.').optional(),
};
export const UPLOAD_OFFSET = { ...UPLOAD, 'Upload-Offset': number('How many bytes were received.') };
export const UPLOAD_STANDING = {
  ...UPLOAD_OFFSET,
  'Upload-Length': number('Bytes of the whole file.'),
  'Upload-Metadata': text('As it was begun with.'),
};
export const TUS_ABILITIES = {
  'Tus-Resumable': UPLOAD['Tus-Resumable'],
  'Tus-Version': text('Versions that are spoken.'),
  'Tus-Extension': text('Extensions that are spoken.'),
  'Tus-Max-Size': number('What a file may weigh where no larger limit was granted.'),
  'Tus-Checksum-Algorithm': text('What Upload-Checksum may begin with.'),
};
export const DOWNLOAD = {
  'Content-Disposition': text('The name of the file.'),
  'Content-Length': number('Bytes of the file.'),
};

/** What problems may carry, each where it helps. */
export const PROBLEM = {
  'Retry-After': number('Seconds to wait before the call is sent again.').optional(),
  'WWW-Authenticate': text('Of 401: how to say who calls.').optional(),
  Allow: text('Of 405: what the address takes.').optional(),
  ETag: text('Of 412: what the request or the file has now.').optional(),
  'Tus-Version': text('Of 412: the version of tus to speak.').optional(),
  'Tus-Resumable': text('At the addresses of uploads.').optional(),
};
