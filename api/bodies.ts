import { z } from 'zod';
import { NATIVE_SCOPE } from '../desk/embedded/record-id.ts';
import type { Draft } from '../domain/request.ts';
import { chooseTabs, TabChoiceError, TABS, TICKET_CHILD_TABS } from '../domain/tab.ts';
import { type AllowedHosts, checkSourceAddress } from '../sources/address-guard.ts';
import { ENCODINGS } from '../sources/rows.ts';
import { SourceError } from '../sources/source-error.ts';
import { jsonPointer } from './json-pointer.ts';
import { mappingBody } from './mapping-body.ts';
import { invalidBody } from './valid.ts';

/** What is sent to the API. Every object is strict: a member that is not known here is a fault, never ignored. */

// C0 and C1 controls and the line separators would break mail headers and log lines
const CONTROLS = /[\p{Cc}\u2028\u2029]/u;
const CONTROLS_BUT_LINES = /(?![\n\r\t])\p{Cc}/u;

const wellFormed = (text: string): boolean => text.isWellFormed();

/** One line of text, or none. @param most characters */
const lineOrNone = (most: number) =>
  z
    .string()
    .trim()
    .max(most, `is longer than ${most} characters`)
    .refine((text) => wellFormed(text) && !CONTROLS.test(text), 'holds control characters');

/** One line of text. @param most characters */
const line = (most: number) => lineOrNone(most).min(1, 'is empty');

/** Text of several lines. @param most characters */
const text = (most: number) =>
  z
    .string()
    .max(most, `is longer than ${most} characters`)
    .refine((value) => wellFormed(value) && !CONTROLS_BUT_LINES.test(value), 'holds control characters');

const reason = line(2_000).meta({
  description: 'Why; it is mailed where the requester is told, and stands in the audit log.',
});

function isTimeZone(name: string): boolean {
  // an offset such as +09:00 is taken by Intl too, but knows no summer time
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}

const requesterBody = z
  .strictObject({
    name: line(200),
    mail: z.email('is not a mail address').max(254, 'is longer than 254 characters'),
    company: lineOrNone(200).default(''),
    locale: z
      .enum(['ja', 'en'], 'is neither ja nor en')
      .default('en')
      .meta({ description: 'Language of mail and reports.' }),
    timeZone: z
      .string()
      .refine(isTimeZone, 'is not an IANA time zone such as Asia/Tokyo')
      .default('UTC')
      .meta({ description: 'IANA name of the zone that times are told in.', example: 'Asia/Tokyo' }),
  })
  .meta({ id: 'Requester', outputId: 'RequesterGiven', description: 'Who files the request (A1).' });

const sourceMembers = {
  system: line(100).meta({ description: 'Name of the other help desk.', example: 'Freshdesk' }),
  scope: z
    .string()
    .max(50, 'is longer than 50 characters')
    .regex(/^[A-Za-z0-9_-]+$/, 'may hold letters, digits, _ and - only')
    .refine(
      (scope) => scope !== NATIVE_SCOPE,
      `may not be "${NATIVE_SCOPE}": that is the scope of the desk's own records`,
    )
    .default('files')
    .meta({ description: 'Short name of the source account: external ids are unique within it.' }),
};

const sourceBody = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({ ...sourceMembers, kind: z.literal('files') }),
      z.strictObject({
        ...sourceMembers,
        kind: z.literal('api'),
        address: line(2_000).meta({
          description: 'Where its export API begins; its key is given apart.',
          example: 'https://desk.example/export',
        }),
      }),
    ],
    'is neither "files" nor "api"',
  )
  .meta({
    id: 'Source',
    outputId: 'SourceGiven',
    description: 'Where the data is now, and how it is read (A1).',
  });

/** B3: goes into an HTTP header as it is. */
export const sourceKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,4000}$/, 'is not a key: 1 to 4,000 printable ASCII characters without blanks')
  .meta({ description: 'The key that the source asks for.', format: 'password' });

const tabName = z.enum(TABS, `is no tab; the tabs are ${TABS.join(', ')}`);

const stepMembers = {
  requester: requesterBody.optional(),
  source: sourceBody.optional(),
  tabs: z
    .array(tabName)
    .max(TABS.length, 'names more tabs than there are')
    .min(1, 'names no tab')
    .optional()
    .meta({
      description: 'What to move. Choosing tickets also chooses threads, comments and attachments (A3).',
      example: ['agents', 'contacts', 'tickets'],
    }),
  omit: z
    .array(z.enum(TICKET_CHILD_TABS, `can be left out only if it is one of ${TICKET_CHILD_TABS.join(', ')}`))
    .max(TICKET_CHILD_TABS.length, 'names more tabs than can be left out')
    .optional()
    .meta({ description: 'Which of threads, comments and attachments to leave out (A3).' }),
  remarks: text(10_000).optional().meta({ description: 'Anything the migration team should know.' }),
  encodings: z
    .record(line(1_000), z.enum(ENCODINGS, `is none of ${ENCODINGS.join(', ')}`))
    .optional()
    .meta({ description: 'Confirmed encodings by file name, or `file.zip/entry.csv`.' }),
  mapping: mappingBody.nullable().optional(),
};

export const deskBody = z
  .strictObject({
    kind: z.literal('embedded', 'is not "embedded"'),
    portal: line(200)
      .optional()
      .meta({ description: 'Which portal; may be left out where there is only one.' }),
  })
  .meta({ id: 'DeskAuthorisation', description: 'Authorises the desk and chooses the portal (A2).' });

export const createBody = z
  .strictObject({
    ...stepMembers,
    desk: deskBody.optional(),
    sourceKey: sourceKey.optional(),
    submit: z
      .boolean()
      .optional()
      .meta({ description: 'Submits at once; every step has to be there, files included.' }),
  })
  .meta({
    id: 'NewMigration',
    description: 'A new request; every step may come now or later, in any order (A2).',
  });

export const redoBody = z
  .strictObject(stepMembers)
  .refine((body) => Object.keys(body).length > 0, 'names no step to redo')
  .meta({
    id: 'Steps',
    description: 'Steps to redo; each replaces what was given before, the others stay (A2).',
  });

export type GivenSteps = z.output<typeof redoBody>;

export const noBody = z
  .strictObject({})
  .meta({ description: 'Nothing is needed; the body may be left out.' });
export const reasonBody = z.strictObject({ reason }).meta({ id: 'Reason' });
export const sampleBody = z
  .strictObject({
    records: z
      .int('is not a whole number')
      .min(1, 'is less than 1')
      .max(100, 'is more than 100')
      .default(10)
      .meta({ description: 'How many records of each tab; what they refer to comes with them.' }),
  })
  .meta({ id: 'Sample', outputId: 'SampleOrdered', description: 'How large a sample is (B6).' });
export const mayReasonBody = z.strictObject({ reason: reason.optional() }).meta({ id: 'OptionalReason' });

export const resumeBody = z
  .strictObject({
    reason: reason.optional(),
    accept: z
      .boolean()
      .optional()
      .meta({ description: 'Accepts the differences that reconciliation found, and goes on (D2).' }),
  })
  .meta({ id: 'Resume' });

const bytes = z
  .int('is not a whole number')
  .min(1, 'is less than 1')
  .max(1_000_000_000_000, 'is more than 10^12');

export const limitBody = z
  .strictObject({
    bytes: bytes.optional().meta({ description: 'All files together, in bytes.' }),
    files: z.int('is not a whole number').min(1, 'is less than 1').max(1_000, 'is more than 1000').optional(),
    fileBytes: bytes.optional().meta({ description: 'One file, in bytes.' }),
    reason,
  })
  .refine(
    (body) => body.bytes !== undefined || body.files !== undefined || body.fileBytes !== undefined,
    'names no limit: give bytes, files or fileBytes',
  )
  .meta({ id: 'Limits', outputId: 'LimitsGranted', description: 'Larger limits for one request (A4).' });

/** Names one of the tabs of a request. */
export const retryBody = z.strictObject({ tab: tabName, reason: reason.optional() }).meta({ id: 'Retry' });

export const integrationsBody = z
  .strictObject({ zohoCrm: z.boolean().optional(), salesforce: z.boolean().optional() })
  .refine((body) => Object.keys(body).length > 0, 'names no integration')
  .meta({
    id: 'IntegrationSwitches',
    description: 'The integrations to switch; the others stay as they are (B2).',
  });

/** The most a reply sent as JSON may weigh, its files in base64 included; larger ones come as multipart/form-data. */
export const REPLY_JSON_BYTES = 8_000_000;

export const replyBody = z
  .strictObject({
    text: text(100_000).optional(),
    mapping: mappingBody.optional(),
    files: z
      .array(
        z.strictObject({
          name: z.string(),
          content: z.base64('is not base64').meta({ description: 'The bytes of the file, in base64.' }),
        }),
      )
      .max(100, 'names more than 100 files')
      .optional(),
  })
  .meta({
    id: 'Reply',
    description:
      'A reply within the window (E1): at least one of text, mapping and files. Large files are sent as multipart/form-data.',
  });

/** Merges redone steps into what was typed before. */
export function redoDraft(draft: Draft, steps: GivenSteps): Draft {
  return {
    ...draft,
    ...(steps.requester === undefined ? {} : { requester: steps.requester }),
    ...(steps.source === undefined ? {} : { source: steps.source }),
    ...(steps.tabs === undefined ? {} : { tabs: steps.tabs }),
    ...(steps.omit === undefined ? {} : { omit: steps.omit }),
    ...(steps.remarks === undefined ? {} : { remarks: steps.remarks }),
    ...(steps.encodings === undefined ? {} : { encodings: steps.encodings }),
    ...(steps.mapping === undefined ? {} : { mapping: steps.mapping }),
  };
}

/**
 * SSRF: checks the address of a source before anything is asked there; names are looked at again when they are resolved.
 * @throws Problem `invalid-body`
 */
export function checkSource({ source }: Pick<Draft, 'source'>, allowed: AllowedHosts): void {
  if (source?.kind !== 'api') return;
  try {
    checkSourceAddress(source.address, allowed);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw invalidBody([{ pointer: jsonPointer(['source', 'address']), detail: error.message }]);
  }
}

/**
 * A3: checks the tabs of a draft together, once it is merged.
 * @throws Problem `invalid-body` with the pointer of the tab at fault
 */
export function checkTabs(draft: Draft): void {
  if (draft.tabs === null) return;
  try {
    chooseTabs(draft.tabs, draft.omit);
  } catch (error) {
    if (!(error instanceof TabChoiceError)) throw error;
    const index = draft.tabs.findIndex((tab) => tab === error.tab);
    throw invalidBody([
      { pointer: jsonPointer(index < 0 ? ['tabs'] : ['tabs', index]), detail: error.message },
    ]);
  }
}
