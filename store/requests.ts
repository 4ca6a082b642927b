import { randomBytes } from 'node:crypto';
import type { Db, Filter } from 'mongodb';
import type { TabCounts } from '../domain/codes.ts';
import { isFinal, type Limits, STATE_LABELS, type State, type Step } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import type { DeskChoice, Draft, Requester, SourceChoice } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import { insertNew } from './database.ts';
import { StoreError } from './errors.ts';
import type { Upload } from './uploads.ts';

type Counted = Partial<Record<Tab, TabCounts & { digestsMatch: boolean; warnings: number }>>;

/** What a request's process knows of it. All times in epoch milliseconds. */
export interface RequestProgress {
  request: string;
  /** the process's run */
  runId: string;
  /** grows with every snapshot of a run */
  sequence: number;
  revision: number;
  state: State;
  submitted: boolean;
  paused: { since: number; by: string; reason: string } | null;
  missingSteps: Step[];
  limits: Limits;
  createdAt: number;
  submittedAt: number | null;
  expiresAt: number | null;
  closedAt: number | null;
  reason: string | null;
  placeInLine: number | null;
  expectedStart: number | null;
  expectedEnd: number | null;
  replyWindow: { opensAt: number; endsAt: number } | null;
  earlyStart: { requester: boolean; operator: boolean };
  phases: { phase: Phase; startedAt: number; endedAt: number | null; tabs: Counted }[];
  reports: { name: string; version: number; at: number }[];
  supportTicket: string | null;
  replies: string[];
}

/** What stands beside it: whose it is, what was typed, what was uploaded. */
export interface RequestTyped {
  tenant: string;
  draft: Draft;
  files: readonly Pick<Upload, 'name' | 'bytes' | 'sha256' | 'uploadedAt'>[];
}

/** A request as lists and reads show it (A1); `Date`s become ISO times in JSON. */
export interface RequestDocument {
  id: string;
  tenant: string;
  state: State;
  stateLabel: { ja: string; en: string };
  paused: { since: Date; by: string; reason: string } | null;
  submitted: boolean;
  /** which draft holds what was typed */
  revision: number;
  requester: Requester | null;
  source: SourceChoice | null;
  tabs: Tab[] | null;
  omit: Tab[];
  remarks: string | null;
  encodings: Record<string, string>;
  mapping: unknown;
  desk: DeskChoice | null;
  /** of the request itself, in order of arrival; those of replies stand with the replies */
  files: { name: string; bytes: number; sha256: string; uploadedAt: Date }[];
  missingSteps: Step[];
  limits: Limits;
  placeInLine: number | null;
  expectedStart: Date | null;
  expectedEnd: Date | null;
  replyWindow: { opensAt: Date; endsAt: Date } | null;
  earlyStart: { requester: boolean; operator: boolean };
  phases: { phase: Phase; startedAt: Date; endedAt: Date | null; tabs: Counted }[];
  reports: { name: string; version: number; at: Date }[];
  supportTicket: string | null;
  /** keys of replies, in order */
  replies: string[];
  createdAt: Date;
  submittedAt: Date | null;
  expiresAt: Date | null;
  closedAt: Date | null;
  reason: string | null;
}

/** `older`: what stands there is newer and stays. `otherRun`: another run wrote it; its id is answered. */
export type PutResult = { result: 'written' } | { result: 'older' } | { result: 'otherRun'; runId: string };

export interface RequestFilter {
  /** F4: a requester's own; absent for those who see all */
  tenant?: string;
  state?: State;
  portal?: string;
  /** part of the id, of the requester's name, mail or company, or of the source system's name */
  text?: string;
}

export interface RequestPage {
  requests: RequestDocument[];
  /** pass as `cursor` for the next page, or null when there are no more */
  next: string | null;
}

/** Where a request stands, for those who look after all of them. */
export interface RequestStanding {
  id: string;
  state: State;
  portal: string | null;
  closedAt: Date | null;
  /** the process's run that wrote it last */
  runId: string;
  /**
   * the run whose place that one took, until somebody has looked whether it has what it believes to have; the same run after a
   * backup was brought back
   */
  before: string | null;
}

export interface Requests {
  /** Notes whose a request is, before anything else of it exists; the first one stays. */
  own(request: string, tenant: string): Promise<void>;
  /** The tenant a request belongs to, or null when there is no such request. */
  tenantOf(request: string): Promise<string | null>;
  /**
   * Writes the request as it stands. An older snapshot never overwrites a newer one, also when several arrive at once.
   * @param replaces the run that wrote before, once it is known that the snapshot's run took its place
   */
  put(progress: RequestProgress, typed: RequestTyped, replaces?: string): Promise<PutResult>;
  get(id: string): Promise<RequestDocument | null>;
  /** Where these requests stand; those that are not recorded are left out. */
  standings(ids: readonly string[]): Promise<RequestStanding[]>;
  /** Where all stand, the oldest first. @param after id to go on behind, or '' */
  page(after: string, limit: number): Promise<RequestStanding[]>;
  /**
   * The request's process ended without a word: writes the state in which it is now, above whatever that run may still write.
   * False when another run has written meanwhile, or the request was there already.
   */
  end(id: string, runId: string, end: { state: State; reason: string; at: number }): Promise<boolean>;
  /** Notes that a run that took another's place has what it believes to have. */
  seen(id: string, runId: string): Promise<void>;
  /**
   * A backup was brought back: documents may say more than the processes know, or less. Marks all to be looked at, and lets what a
   * process tells next stand. @returns how many there are
   */
  lookAgain(): Promise<number>;
  /** Of those, some that are still to be looked at. */
  unseen(limit: number): Promise<string[]>;
  /** Notes that all is given back that the request held. */
  close(id: string, runId: string, at: number): Promise<void>;
  /** The newest first. */
  list(filter: RequestFilter, cursor: string | null, limit: number): Promise<RequestPage>;
  /** How many requests are open, by state, and how many of them are paused. */
  countOpen(): Promise<{ states: Partial<Record<State, number>>; paused: number }>;
}

interface Stored extends Omit<RequestDocument, 'encodings' | 'mapping'> {
  _id: string;
  /** encodings and mapping as JSON: their names may hold what a document's field names may not */
  named: string;
  runId: string;
  sequence: number;
  before?: string | null;
  /** lower-case text to be searched */
  search: string;
}

interface Owner {
  _id: string;
  tenant: string;
}

export function createRequests(db: Db): Requests {
  const requests = db.collection<Stored>('requests');
  /** requests that a backup has brought back and nobody has looked at since: the sweep asks for them all the time */
  const restored = db.collection<{ _id: string }>('restored');
  const owners = db.collection<Owner>('requestOwners');
  return {
    async own(request, tenant) {
      if (await insertNew(owners, { _id: request, tenant })) return;
      const held = await owners.findOne({ _id: request });
      if (held?.tenant !== tenant)
        throw new StoreError('CONFLICT', `Request ${request} is another tenant's.`);
    },
    tenantOf: async (request) => (await owners.findOne({ _id: request }))?.tenant ?? null,
    async put(progress, typed, replaces) {
      const { request, runId, sequence } = progress;
      const { encodings, mapping, ...rest } = documentOf(progress, typed);
      const stored: Stored = {
        _id: request,
        runId,
        sequence,
        ...rest,
        named: JSON.stringify({ encodings, mapping }),
        search: searchText(request, typed.draft),
      };
      if (await insertNew(requests, stored)) return { result: 'written' };
      const { _id, ...next } = stored;
      const newer = await requests.updateOne({ _id, runId, sequence: { $lt: sequence } }, { $set: next });
      if (newer.matchedCount === 1) return { result: 'written' };
      if (replaces !== undefined && replaces !== runId) {
        const taken = await requests.updateOne(
          { _id, runId: replaces },
          { $set: { ...next, before: replaces } },
        );
        if (taken.matchedCount === 1) return { result: 'written' };
      }
      const there = await requests.findOne({ _id }, { projection: { runId: 1 } });
      return there === null || there.runId === runId
        ? { result: 'older' }
        : { result: 'otherRun', runId: there.runId };
    },
    async get(id) {
      const found = await requests.findOne({ _id: id });
      return found === null ? null : shown(found);
    },
    async standings(ids) {
      if (ids.length === 0) return [];
      const found = await requests.find({ _id: { $in: [...ids] } }, { projection: STANDING }).toArray();
      return found.map(standingOf);
    },
    async page(after, limit) {
      const found = await requests
        .find({ _id: { $gt: after } }, { projection: STANDING, sort: { _id: 1 }, limit })
        .toArray();
      return found.map(standingOf);
    },
    async end(id, runId, { state, reason, at }) {
      for (;;) {
        const found = await requests.findOne({ _id: id });
        if (found === null || found.runId !== runId || isFinal(found.state)) return false;
        const { matchedCount } = await requests.updateOne(
          { _id: id, runId, sequence: found.sequence },
          {
            $set: {
              state,
              stateLabel: STATE_LABELS[state],
              reason,
              sequence: LAST_WORD,
              paused: null,
              placeInLine: null,
              expectedStart: null,
              expectedEnd: null,
              expiresAt: null,
              phases: found.phases.map((phase) => ({ ...phase, endedAt: phase.endedAt ?? new Date(at) })),
            },
          },
        );
        if (matchedCount === 1) return true;
      }
    },
    async seen(id, runId) {
      const { matchedCount } = await requests.updateOne({ _id: id, runId }, { $set: { before: null } });
      if (matchedCount === 1) await restored.deleteOne({ _id: id });
    },
    async lookAgain() {
      let count = 0;
      for await (const { _id, runId } of requests.find({}, { projection: { runId: 1 } })) {
        await insertNew(restored, { _id });
        await requests.updateOne({ _id, runId }, { $set: { before: runId, sequence: 0 } });
        count += 1;
      }
      return count;
    },
    async unseen(limit) {
      const found = await restored.find({}, { sort: { _id: 1 }, limit }).toArray();
      return found.map(({ _id }) => _id);
    },
    async close(id, runId, at) {
      await requests.updateOne({ _id: id, runId, closedAt: null }, { $set: { closedAt: new Date(at) } });
    },
    async countOpen() {
      const states: Partial<Record<State, number>> = {};
      let paused = 0;
      const open = requests.find({ closedAt: null }, { projection: { state: 1, paused: 1 } });
      for await (const request of open) {
        states[request.state] = (states[request.state] ?? 0) + 1;
        if (request.paused !== null) paused += 1;
      }
      return { states, paused };
    },
    async list({ tenant, state, portal, text }, cursor, limit) {
      const filter: Filter<Stored> = {};
      if (cursor !== null) filter._id = { $lt: cursor };
      if (tenant !== undefined) filter.tenant = tenant;
      if (state !== undefined) filter.state = state;
      if (portal !== undefined) filter['desk.portal'] = portal;
      const words = normalised(text ?? '');
      if (words !== '') filter.search = { $regex: escaped(words) };
      const found = await requests.find(filter, { sort: { _id: -1 }, limit: limit + 1 }).toArray();
      const page = found.slice(0, limit);
      return { requests: page.map(shown), next: found.length > limit ? (page.at(-1)?._id ?? null) : null };
    },
  };
}

/** The request as lists and reads show it. */
export function documentOf(progress: RequestProgress, typed: RequestTyped): RequestDocument {
  const { paused, replyWindow } = progress;
  const { draft } = typed;
  return {
    id: progress.request,
    tenant: typed.tenant,
    state: progress.state,
    stateLabel: STATE_LABELS[progress.state],
    paused: paused === null ? null : { ...paused, since: new Date(paused.since) },
    submitted: progress.submitted,
    revision: progress.revision,
    requester: draft.requester,
    source: draft.source,
    tabs: draft.tabs,
    omit: draft.omit,
    remarks: draft.remarks,
    encodings: draft.encodings,
    mapping: draft.mapping,
    desk: draft.desk,
    files: typed.files.map(({ name, bytes, sha256, uploadedAt }) => ({ name, bytes, sha256, uploadedAt })),
    missingSteps: progress.missingSteps,
    limits: progress.limits,
    placeInLine: progress.placeInLine,
    expectedStart: time(progress.expectedStart),
    expectedEnd: time(progress.expectedEnd),
    replyWindow:
      replyWindow === null
        ? null
        : { opensAt: new Date(replyWindow.opensAt), endsAt: new Date(replyWindow.endsAt) },
    earlyStart: progress.earlyStart,
    phases: progress.phases.map(({ phase, startedAt, endedAt, tabs }) => ({
      phase,
      startedAt: new Date(startedAt),
      endedAt: time(endedAt),
      tabs,
    })),
    reports: progress.reports.map(({ name, version, at }) => ({ name, version, at: new Date(at) })),
    supportTicket: progress.supportTicket,
    replies: progress.replies,
    createdAt: new Date(progress.createdAt),
    submittedAt: time(progress.submittedAt),
    expiresAt: time(progress.expiresAt),
    closedAt: time(progress.closedAt),
    reason: progress.reason,
  };
}

/** Above every number that a run gives its snapshots. */
const LAST_WORD = Number.MAX_SAFE_INTEGER;

const STANDING = { state: 1, runId: 1, before: 1, closedAt: 1, 'desk.portal': 1 } as const;

/** Whether a backup was brought back, and nobody has compared the request with its process since. */
export function isRestored({ runId, before }: Pick<RequestStanding, 'runId' | 'before'>): boolean {
  return before === runId;
}

function standingOf({ _id, state, runId, before, closedAt, desk }: Stored): RequestStanding {
  return { id: _id, state, portal: desk?.portal ?? null, closedAt, runId, before: before ?? null };
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** An id that stands in the order of time and cannot be guessed: `m_`, ten characters of time, sixteen (80 bits) of chance. */
export function newRequestId(now: number = Date.now()): string {
  let id = timeOf(now);
  for (const byte of randomBytes(16)) id += CROCKFORD[byte % 32];
  return `m_${id}`;
}

/** Whether a text has the form of the id of a request. */
export function isRequestId(text: unknown): text is string {
  return typeof text === 'string' && /^m_[0-9a-hjkmnp-tv-z]{26}$/.test(text);
}

/** Every id made before a moment stands before this. @param at epoch milliseconds */
export function requestIdsBefore(at: number): string {
  return `m_${timeOf(Math.max(0, at))}`;
}

function timeOf(at: number): string {
  let text = '';
  for (let rest = at, i = 0; i < 10; i++, rest = Math.floor(rest / 32))
    text = `${CROCKFORD[rest % 32]}${text}`;
  return text;
}

function time(epoch: number | null): Date | null {
  return epoch === null ? null : new Date(epoch);
}

function shown({ _id, runId, sequence, before, search, named, ...rest }: Stored): RequestDocument {
  return { ...rest, ...(JSON.parse(named) as Pick<RequestDocument, 'encodings' | 'mapping'>) };
}

function searchText(request: string, { requester, source, desk }: Draft): string {
  const parts = [request, requester?.name, requester?.mail, requester?.company, source?.system, desk?.portal];
  return normalised(parts.filter((each) => typeof each === 'string').join('\n'));
}

function normalised(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim();
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
