import { isFinal } from '../domain/lifecycle.ts';
import { chooseTabs, type Tab, TABS } from '../domain/tab.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { MigrationAnswer, SummaryAnswer } from './answers.ts';
import type { Api } from './app.ts';
import { reportsOf } from './reports-of.ts';

const told = (time: Date | null): string | null => (time === null ? null : time.toISOString());

export function migrationPath(id: string): string {
  return `/v1/migrations/${id}`;
}

/** A request as lists show it. */
export function showSummary(request: RequestDocument): SummaryAnswer {
  return {
    id: request.id,
    url: migrationPath(request.id),
    state: request.state,
    label: request.stateLabel,
    submitted: request.submitted,
    paused: request.paused === null ? null : { ...request.paused, since: request.paused.since.toISOString() },
    company: request.requester?.company ?? null,
    system: request.source?.system ?? null,
    portal: request.desk?.portal ?? null,
    createdAt: request.createdAt.toISOString(),
    submittedAt: told(request.submittedAt),
    closedAt: told(request.closedAt),
  };
}

/** A request as it stands, with its replies. */
export async function showMigration(api: Api, request: RequestDocument): Promise<MigrationAnswer> {
  return {
    ...showSummary(request),
    revision: request.revision,
    requester: request.requester,
    source: request.source,
    tabs: request.tabs,
    omit: request.omit as MigrationAnswer['omit'],
    importedTabs: request.tabs === null ? [] : chooseTabs(request.tabs, request.omit),
    remarks: request.remarks,
    desk: request.desk,
    encodings: request.encodings,
    mapping: (request.mapping ?? null) as MigrationAnswer['mapping'],
    missingSteps: request.missingSteps,
    files: request.files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    limits: {
      files: request.limits.files,
      fileBytes: request.limits.fileBytes,
      bytes: request.limits.totalBytes,
    },
    supportAddress: api.config.supportAddress,
    expiresAt: told(request.expiresAt),
    reason: request.reason,
    placeInLine: request.placeInLine,
    expectedStart: told(request.expectedStart),
    expectedEnd: told(request.expectedEnd),
    replyWindow:
      request.replyWindow === null
        ? null
        : {
            opensAt: request.replyWindow.opensAt.toISOString(),
            endsAt: request.replyWindow.endsAt.toISOString(),
          },
    earlyStart: request.earlyStart,
    phases: request.phases.map(({ phase, startedAt, endedAt, tabs }) => ({
      phase,
      startedAt: startedAt.toISOString(),
      endedAt: told(endedAt),
      tabs: inImportOrder(tabs),
    })),
    reports: (await reportsOf(api, request)).map(({ name, version, at }) => ({
      name,
      version,
      at: at.toISOString(),
      url: `${migrationPath(request.id)}/reports/${name}.zip`,
    })),
    supportTicket: request.supportTicket,
    erased: await showErased(api, request),
    replies: await showReplies(api, request),
  };
}

/** A3 */
function inImportOrder<T>(tabs: Partial<Record<Tab, T>>): Partial<Record<Tab, T>> {
  return Object.fromEntries(TABS.flatMap((tab) => (tab in tabs ? [[tab, tabs[tab]]] : [])));
}

/** F5: only what is over is ever erased. */
async function showErased(api: Api, { id, state }: RequestDocument): Promise<MigrationAnswer['erased']> {
  const found = isFinal(state) ? await api.stores.erasures.get(id) : null;
  if (found === null) return null;
  const { request, at, doneAt, ...rest } = found;
  return { ...rest, at: at.toISOString(), complete: doneAt !== null };
}

async function showReplies(api: Api, request: RequestDocument): Promise<MigrationAnswer['replies']> {
  if (request.replies.length === 0) return [];
  const [replies, uploads] = await Promise.all([
    api.stores.replies.list(request.id),
    api.stores.uploads.list(request.id),
  ]);
  return replies
    .filter((reply) => request.replies.includes(reply.key))
    .map((reply) => ({
      key: reply.key,
      at: reply.at.toISOString(),
      by: reply.by,
      text: reply.text,
      files: uploads
        .filter((upload) => upload.reply === reply.key)
        .map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    }));
}
