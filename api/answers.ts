import { z } from 'zod';
import { MESSAGE_KINDS } from '../domain/message.ts';
import { STATES, STEPS } from '../domain/lifecycle.ts';
import { PHASES } from '../domain/phase.ts';
import { TABS, TICKET_CHILD_TABS } from '../domain/tab.ts';
import { DISCREPANCY_KINDS } from '../store/discrepancies.ts';

/** What the API answers. The same schemas are the OpenAPI document and what the tests hold every answer against. */

const time = z.iso.datetime().meta({ description: 'Time in UTC.', example: '2026-05-01T09:30:00.000Z' });
const count = z.int().min(0);
const tab = z.enum(TABS).meta({ id: 'Tab' });
const phase = z.enum(PHASES).meta({ id: 'Phase' });
const state = z.enum(STATES).meta({ id: 'State' });
const requestId = z.string().meta({ description: 'Id of a migration request.' });

export const faultAnswer = z
  .strictObject({
    pointer: z
      .string()
      .optional()
      .meta({ description: 'JSON pointer to the place in the body.', example: '/tabs/2' }),
    parameter: z.string().optional().meta({ description: 'Name of the parameter.' }),
    detail: z.string(),
  })
  .meta({ id: 'Fault' });

export const problemAnswer = z
  .looseObject({
    type: z
      .string()
      .meta({ description: 'Stable name of the problem.', example: 'urn:deskferry:problem:wrong-state' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What is wrong, and what to do about it.' }),
    instance: z.string().meta({ description: 'Names this occurrence; the log has the same id.' }),
    errors: z.array(faultAnswer).optional(),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });

const pausedAnswer = z
  .strictObject({ since: time, by: z.string(), reason: z.string() })
  .meta({ id: 'Paused' });

const labelAnswer = z
  .strictObject({ ja: z.string(), en: z.string() })
  .meta({ id: 'Label', description: 'The state as people are shown it.' });

export const fileAnswer = z
  .strictObject({ name: z.string(), bytes: count, sha256: z.string() })
  .meta({ id: 'File', description: 'An uploaded file, with the SHA-256 of its bytes in hexadecimal.' });

const limitsAnswer = z
  .strictObject({ files: count, fileBytes: count, bytes: count })
  .meta({ id: 'LimitsNow', description: 'What the request may upload (A4).' });

const tabCountsAnswer = z
  .strictObject({
    source: count,
    created: count,
    updated: count,
    unchanged: count,
    skipped: count,
    failed: count,
    warnings: count,
    digestsMatch: z.boolean(),
  })
  .meta({ id: 'TabCounts', description: 'source = created + updated + unchanged + skipped + failed (D1).' });

const phaseAnswer = z
  .strictObject({
    phase,
    startedAt: time,
    endedAt: time.nullable(),
    tabs: z.partialRecord(tab, tabCountsAnswer),
  })
  .meta({ id: 'PhaseRun' });

const summaryMembers = {
  id: requestId,
  url: z.string(),
  state,
  label: labelAnswer,
  submitted: z.boolean(),
  paused: pausedAnswer.nullable(),
  company: z.string().nullable(),
  system: z.string().nullable(),
  portal: z.string().nullable(),
  createdAt: time,
  submittedAt: time.nullable(),
  closedAt: time.nullable(),
};

export const summaryAnswer = z
  .strictObject(summaryMembers)
  .meta({ id: 'MigrationSummary', description: 'A request as lists show it.' });

export const nextPage = z
  .string()
  .nullable()
  .meta({ description: 'Cursor of the next page; null on the last one.' });

export const listAnswer = z
  .strictObject({
    items: z.array(summaryAnswer),
    next: nextPage,
  })
  .meta({ id: 'MigrationList' });

const requesterAnswer = z
  .strictObject({
    name: z.string(),
    mail: z.string(),
    company: z.string(),
    locale: z.enum(['ja', 'en']),
    timeZone: z.string(),
  })
  .meta({ id: 'RequesterShown' });

const sourceAnswer = z
  .discriminatedUnion('kind', [
    z.strictObject({ system: z.string(), kind: z.literal('files'), scope: z.string() }),
    z.strictObject({ system: z.string(), kind: z.literal('api'), address: z.string(), scope: z.string() }),
  ])
  .meta({ id: 'SourceShown' });

const replyAnswer = z
  .strictObject({
    key: z.string(),
    at: time,
    by: z.string(),
    text: z.string(),
    files: z.array(fileAnswer),
  })
  .meta({ id: 'ReplyShown' });

const erasedAnswer = z
  .strictObject({
    at: time,
    by: z.string(),
    reason: z.string(),
    complete: z.boolean().meta({ description: 'Whether all of it is gone by now.' }),
    files: count.meta({ description: 'Uploaded files, those of replies included.' }),
    bytes: count,
    segments: count,
    records: count.meta({ description: 'Staged rows.' }),
    mails: count.meta({ description: 'Replies by mail, as they were received.' }),
    attachmentFiles: count.meta({ description: 'Attachment files that no record of the desk has.' }),
  })
  .meta({ id: 'Erased', description: 'What of the request was deleted (F5).' });

export const migrationAnswer = z
  .strictObject({
    ...summaryMembers,
    revision: count.meta({ description: 'Grows with every redone step; the ETag.' }),
    requester: requesterAnswer.nullable(),
    source: sourceAnswer.nullable(),
    tabs: z.array(tab).nullable().meta({ description: 'As chosen.' }),
    omit: z.array(z.enum(TICKET_CHILD_TABS)),
    importedTabs: z.array(tab).meta({ description: 'What is moved, in the order of import (A3).' }),
    remarks: z.string().nullable(),
    desk: z.strictObject({ kind: z.literal('embedded'), portal: z.string().nullable() }).nullable(),
    encodings: z.record(z.string(), z.string()),
    mapping: z.record(z.string(), z.unknown()).nullable(),
    missingSteps: z
      .array(z.enum(STEPS))
      .meta({ description: 'Steps without which submitting is refused (A2).' }),
    files: z.array(fileAnswer),
    limits: limitsAnswer,
    supportAddress: z.string().meta({ description: 'Whom to ask for larger limits (A4).' }),
    expiresAt: time.nullable().meta({ description: 'When an unsubmitted request expires (A9).' }),
    reason: z.string().nullable().meta({ description: 'Why it was sent back, rejected or stopped.' }),
    placeInLine: count.nullable(),
    expectedStart: time.nullable(),
    expectedEnd: time.nullable(),
    replyWindow: z.strictObject({ opensAt: time, endsAt: time }).nullable(),
    earlyStart: z
      .strictObject({ requester: z.boolean(), operator: z.boolean() })
      .meta({ description: 'Who has asked to start phase 2 early; it starts when both have (E2).' }),
    phases: z.array(phaseAnswer),
    reports: z.array(z.strictObject({ name: z.string(), version: count, at: time, url: z.string() })),
    supportTicket: z.string().nullable(),
    erased: erasedAnswer.nullable(),
    replies: z.array(replyAnswer),
  })
  .meta({ id: 'Migration', description: 'A request as it stands.' });

export const portalAnswer = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    plan: z.enum(['trial', 'paid']),
    integrations: z.strictObject({ zohoCrm: z.boolean(), salesforce: z.boolean() }),
    integrationsLockedBy: requestId.nullable(),
    primaryContact: z.strictObject({ name: z.string(), mail: z.string() }),
    open: z.boolean().meta({ description: 'Whether its agents can work in it; closed during a phase (C2).' }),
    closedBy: requestId.nullable(),
    recordQuota: count.nullable(),
    departments: z.array(z.strictObject({ id: z.string(), name: z.string(), default: z.boolean() })),
  })
  .meta({ id: 'Portal' });

export const portalsAnswer = z
  .strictObject({ portals: z.array(portalAnswer), next: nextPage })
  .meta({ id: 'Portals' });

export const deskAnswer = z
  .strictObject({
    portals: z.array(z.strictObject({ id: z.string(), name: z.string(), plan: z.enum(['trial', 'paid']) })),
    portal: z.string().nullable().meta({ description: 'The chosen one; the only one is chosen by itself.' }),
  })
  .meta({ id: 'AuthorisedDesk' });

export const findingsAnswer = z
  .strictObject({
    revision: count.nullable(),
    at: time.nullable().meta({ description: 'When the checks ran; null when they have not yet.' }),
    findings: z.array(
      z.strictObject({
        severity: z.enum(['blocking', 'warning', 'information']),
        code: z.string(),
        message: z.string(),
        remedy: z.string(),
        file: z.string().optional(),
        column: z.string().optional(),
        row: count.optional(),
        tab: tab.optional(),
        grantable: z.boolean().optional(),
      }),
    ),
  })
  .meta({ id: 'Findings' });

const tabProgressAnswer = z
  .strictObject({
    tab,
    total: count.nullable().meta({ description: 'Records in the source; null until they are counted.' }),
    done: count,
    created: count,
    updated: count,
    unchanged: count,
    skipped: count,
    failed: count,
    recordsPerSecond: z.number().min(0).nullable(),
    expectedEnd: time.nullable(),
  })
  .meta({ id: 'TabProgress' });

export const progressAnswer = z
  .strictObject({
    state,
    label: labelAnswer,
    paused: pausedAnswer.nullable(),
    phase: phase.nullable().meta({ description: 'The phase that runs or ran last; null before the first.' }),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    expectedEnd: time.nullable(),
    placeInLine: count.nullable(),
    tabs: z.array(tabProgressAnswer),
  })
  .meta({ id: 'Progress' });

export const estimatesAnswer = z
  .strictObject({
    estimates: z.array(
      z.strictObject({
        phase,
        number: count.meta({ description: 'The how many-th of its phase, from 1.' }),
        toldAt: time,
        expectedEnd: time,
        endedAt: time.nullable().meta({ description: 'What came of it; null while the phase runs.' }),
      }),
    ),
  })
  .meta({ id: 'Estimates' });

export const discrepanciesAnswer = z
  .strictObject({
    phase: phase.nullable().meta({ description: 'The latest one; null before the first.' }),
    discrepancies: z.array(
      z.strictObject({
        tab,
        kind: z.enum(DISCREPANCY_KINDS).meta({
          description:
            'Missing in the desk, different from what was written, an attachment with another content, a record that nobody brought (`extra`), or sums of a tab that do not add up (`counts`).',
        }),
        externalId: z.string().meta({ description: 'Of the record; empty for the counts of a tab.' }),
        expected: z.string().nullable().meta({ description: 'A digest or a number.' }),
        found: z.string().nullable(),
      }),
    ),
    more: z.boolean().meta({ description: 'Whether there are more than those named here.' }),
  })
  .meta({ id: 'Discrepancies', description: 'Records by which source and desk differ (D1, D2).' });

export const auditAnswer = z
  .strictObject({
    request: z.string(),
    entries: z.array(
      z.strictObject({
        position: count.meta({ description: 'Place in the chain, from 1.' }),
        at: time,
        by: z.string().meta({ description: '`role:key name`, or `system`.' }),
        action: z.string(),
        reason: z.string().nullable(),
        writer: z.string().meta({ description: "The process that wrote it: the request's own, or another." }),
        sequence: count.meta({ description: 'Its number among those of its writer.' }),
        previous: z.string().meta({ description: '`hash` of the entry before it; zeros for the first.' }),
        hash: z.string().meta({ description: 'SHA-256 of the entry with the hash of the one before it.' }),
        signature: z.base64().nullable().meta({
          description:
            'Over `hash`, by the key of `GET /v1/report-key` (Ed25519); null in entries from before they were signed.',
        }),
      }),
    ),
    end: z
      .strictObject({ position: count, hash: z.string(), signature: z.base64().nullable() })
      .nullable()
      .meta({ description: 'Where the chain ends, signed, so that it is missed when entries are cut off.' }),
    next: nextPage,
  })
  .meta({ id: 'Audit', description: 'Every command, decision and mail, in order (F2).' });

export const messagesAnswer = z
  .strictObject({
    messages: z.array(
      z.strictObject({
        sequence: count,
        kind: z.string().meta({ examples: [...MESSAGE_KINDS] }),
        at: time,
        to: z.array(z.string()),
        cc: z.array(z.string()),
        subject: z.string(),
        text: z.string(),
        attachments: z.array(z.strictObject({ name: z.string(), bytes: count })),
        sentAt: time.nullable().meta({ description: 'When the mail server took it; null until then.' }),
      }),
    ),
    next: nextPage,
  })
  .meta({ id: 'Messages' });

export const queueAnswer = z
  .strictObject({
    turns: count.meta({ description: 'How many phase runs go at a time (B4).' }),
    running: z.array(z.strictObject({ request: requestId, phase, since: time })),
    waiting: z.array(z.strictObject({ request: requestId, phase, place: count })),
    next: nextPage,
  })
  .meta({ id: 'Queue' });

export const healthAnswer = z.strictObject({ status: z.literal('up') }).meta({ id: 'Health' });

const probeAnswer = z.enum(['up', 'down']);
export const readyAnswer = z
  .strictObject({
    status: z.literal('ready'),
    checks: z.strictObject({ temporal: probeAnswer, mongodb: probeAnswer, storage: probeAnswer }),
  })
  .meta({ id: 'Ready' });

export type MigrationAnswer = z.input<typeof migrationAnswer>;
export type SummaryAnswer = z.input<typeof summaryAnswer>;
export type PortalAnswer = z.input<typeof portalAnswer>;
export type PortalsAnswer = z.input<typeof portalsAnswer>;
export type ProgressAnswer = z.input<typeof progressAnswer>;
export type QueueAnswer = z.input<typeof queueAnswer>;
