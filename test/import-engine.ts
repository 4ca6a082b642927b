import { hash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import type { Db } from 'mongodb';
import { fromBuffer, type Entry, type ZipFile as ReadZip } from 'yauzl';
import { ZipFile } from 'yazl';
import type { Phase } from '../domain/phase.ts';
import { EMPTY_DRAFT } from '../domain/request.ts';
import { TABS, type Tab } from '../domain/tab.ts';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { addAgents, createPortal, type NativeAgent } from '../desk/embedded/portals.ts';
import type { Desk } from '../desk/desk.ts';
import { startTestDatabase } from './database.ts';
import { testKeyRing } from './key-ring.ts';
import { createImportStores, type ImportStores } from '../store/import-stores.ts';
import { createSourceKeys, type SourceKeys } from '../store/source-keys.ts';
import { openStorage, type Storage } from '../store/storage.ts';
import { createStores, type Stores } from '../store/stores.ts';
import { uploadKey } from '../store/uploads.ts';
import type { OpenSource } from '../activities/ask-source.ts';
import { makeDrawSource } from '../activities/draw-source.ts';
import { makeFoldImported } from '../activities/fold-imported.ts';
import { makeFreezeContext } from '../activities/freeze-context.ts';
import type { ImportActivities, TabProof, WrittenReport } from '../activities/import-activities.ts';
import { makeImportSegments } from '../activities/import-segments.ts';
import { makeOpenSource } from '../activities/open-source.ts';
import { makePlanImport } from '../activities/plan-import.ts';
import { makePlanPhase } from '../activities/plan-phase.ts';
import { makeProveTab } from '../activities/prove-tab.ts';
import { makeReconcileSegments } from '../activities/reconcile-segments.ts';
import { makeResolveImages } from '../activities/resolve-images.ts';
import { makeStageTab } from '../activities/stage-tab.ts';
import { makeWriteReport } from '../activities/write-report.ts';
import { createReportSigner } from '../store/report-signature.ts';

/** Who signs the reports of tests. */
export const SIGNER = createReportSigner('a secret of the tests alone');

/** What the activities of the import work on. */
export interface EngineParts {
  desk: Desk;
  stores: Stores & ImportStores;
  sourceKeys: SourceKeys;
  storage: Storage;
  /** a clock that stands, where results are compared byte for byte */
  now?: () => Date;
}

/** What the import runs on, for tests: a database, a storage folder and an embedded desk. */
export interface Engine extends EngineParts {
  db: Db;
  activities: ImportActivities;
  stop(): Promise<void>;
}

export interface StartedEngine extends Engine {
  /**
   * Another engine on the same server, with a database of its own; it ends with this one.
   * @param storage instead of a folder of its own
   */
  beside(name: string, now?: () => Date, storage?: Storage): Engine;
}

/** An engine on a database and a storage folder that are another's to end. */
export function openEngine(
  db: Db,
  folder: string,
  now?: () => Date,
  storage: Storage = openStorage({ folder }),
): Engine {
  const stores = { ...createStores(db, null), ...createImportStores(db) };
  const desk = createEmbeddedDesk(db, stores.links);
  const parts: EngineParts = {
    desk,
    stores,
    sourceKeys: createSourceKeys(db, testKeyRing()),
    storage,
    ...(now === undefined ? {} : { now }),
  };
  return { db, ...parts, activities: makeActivities(parts), stop: async () => {} };
}

/** An engine with a server of its own. */
export async function startEngine(): Promise<StartedEngine> {
  const { database, stop } = await startTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'deskferry-engine-'));
  return {
    ...openEngine(database.db, join(folder, 'own')),
    beside: (name, now, storage) =>
      openEngine(
        database.client.db(`${database.db.databaseName}-${name}`),
        join(folder, 'beside', name),
        now,
        storage,
      ),
    async stop() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What opens the sources of tests, on this machine. */
export function openSourceOf({ stores, sourceKeys }: Pick<Engine, 'stores' | 'sourceKeys'>): OpenSource {
  return makeOpenSource({ drafts: stores.drafts, sourceKeys, allowed: ['127.0.0.1'] });
}

export function makeActivities(given: EngineParts): ImportActivities {
  const deps = { ...given, openSource: openSourceOf(given) };
  return {
    drawSource: makeDrawSource(deps),
    planPhase: makePlanPhase(deps),
    freezeContext: makeFreezeContext(deps),
    stageTab: makeStageTab(deps),
    planImport: makePlanImport(deps),
    importSegments: makeImportSegments(deps),
    reconcileSegments: makeReconcileSegments(deps),
    proveTab: makeProveTab(deps),
    resolveImages: makeResolveImages(deps),
    foldImported: makeFoldImported(deps),
    writeReport: makeWriteReport({ ...deps, signer: SIGNER }),
  };
}

const PRIMARY = 'owner@portal.example';

/** Makes a portal with an active primary contact and further agents; its id. */
export async function makePortal(
  { db }: Engine,
  options: {
    /** default: one that nobody has */
    id?: string;
    agents?: NativeAgent[];
    recordQuota?: number | null;
    /** the first one is the default */
    departments?: readonly string[];
    statuses?: readonly string[];
  } = {},
): Promise<string> {
  const id = options.id ?? `p${randomBytes(6).toString('hex')}`;
  const agents: NativeAgent[] = [
    { id: 'owner', lastName: 'Owner', email: PRIMARY, status: 'active' },
    ...(options.agents ?? []),
  ];
  await createPortal(db, {
    id,
    name: id,
    tenant: 't1',
    plan: 'paid',
    recordQuota: options.recordQuota ?? null,
    departments: (options.departments ?? ['Main', 'Support']).map((name, index) => ({
      id: `d${index}`,
      name,
      default: index === 0,
    })),
    statuses: [...(options.statuses ?? ['Open', 'Closed', 'On Hold'])],
    integrations: { zohoCrm: false, salesforce: false },
    primaryContact: { agentId: `${id}/desk/owner`, name: 'Owner', mail: PRIMARY },
  });
  await addAgents(db, id, agents);
  return id;
}

export type Body = string | Uint8Array;

/** Files a request with uploads; its id. */
export async function makeRequest(
  engine: Engine,
  portal: string,
  files: Readonly<Record<string, Body>>,
  options: {
    /** default: one that nobody has */
    id?: string;
    tabs?: readonly Tab[];
    omit?: readonly Tab[];
    scope?: string;
    encodings?: Record<string, string>;
    mapping?: unknown;
    /** read by its export API instead of from files */
    api?: { address: string; key: string };
  } = {},
): Promise<string> {
  const request = options.id ?? `m_${randomBytes(8).toString('hex')}`;
  await engine.stores.drafts.insert(request, 1, {
    ...EMPTY_DRAFT,
    requester: { name: 'R', mail: 'r@example.com', company: 'C', locale: 'en', timeZone: 'Asia/Tokyo' },
    source: {
      system: 'Other',
      scope: options.scope ?? 'files',
      ...(options.api === undefined ? { kind: 'files' } : { kind: 'api', address: options.api.address }),
    },
    tabs: [...(options.tabs ?? TABS)],
    omit: [...(options.omit ?? [])],
    remarks: '',
    desk: { kind: 'embedded', portal },
    encodings: options.encodings ?? {},
    mapping: options.mapping ?? null,
  });
  if (options.api !== undefined) await engine.sourceKeys.keep(request, options.api.address, options.api.key);
  for (const [name, body] of Object.entries(files)) await upload(engine, request, name, body, null);
  return request;
}

/** Sends files with a reply. */
export async function sendReply(
  engine: Engine,
  request: string,
  reply: string,
  files: Readonly<Record<string, Body>>,
): Promise<void> {
  for (const [name, body] of Object.entries(files)) await upload(engine, request, name, body, reply);
}

async function upload(
  engine: Engine,
  request: string,
  name: string,
  body: Body,
  reply: string | null,
): Promise<void> {
  const key = uploadKey(request, name, reply);
  const content = Buffer.from(body);
  const storageKey = `uploads/${request}/${key}/${hash('sha256', content).slice(0, 12)}`;
  const { bytes, sha256 } = await engine.storage.put(storageKey, content);
  await engine.stores.uploads.put({
    request,
    key,
    name,
    bytes,
    sha256,
    storageKey,
    uploadedAt: (engine.now ?? (() => new Date()))(),
    reply,
  });
}

export interface PhaseResult {
  proofs: Partial<Record<Tab, TabProof>>;
  report: WrittenReport;
}

/** Runs a phase as its workflow does, up to the report. */
export async function runPhase(
  engine: Engine,
  request: string,
  phase: Phase = 'phase-1',
  activities: ImportActivities = engine.activities,
): Promise<PhaseResult> {
  const run = { request, phase };
  const { source } = (await engine.stores.drafts.latest(request))?.draft ?? {};
  if (source?.kind === 'api') await activities.drawSource(run);
  const plan = await activities.planPhase(run);
  await activities.freezeContext({ ...run, after: 'start' });
  const proofs: PhaseResult['proofs'] = {};
  for (const { tab } of plan.tabs) {
    await activities.stageTab({ ...run, tab });
    await importTab(activities, { ...run, tab });
    if (tab === 'agents' || tab === 'contacts') await activities.freezeContext({ ...run, after: tab });
    proofs[tab] = await activities.proveTab({ ...run, tab });
  }
  await activities.resolveImages(run);
  await activities.foldImported(run);
  return { proofs, report: await activities.writeReport(run) };
}

/** Imports a staged tab and reads it back. */
export async function importTab(
  activities: ImportActivities,
  run: { request: string; phase: Phase; tab: Tab },
  { reconcile = true }: { reconcile?: boolean } = {},
): Promise<void> {
  for (let after: number | null = 0; after !== null; ) {
    const { groups, next } = await activities.planImport({ ...run, after });
    for (const { from, to } of groups) {
      await activities.importSegments({ ...run, from, to });
      if (reconcile) await activities.reconcileSegments({ ...run, from, to });
    }
    after = next;
  }
}

/** A report's files by name. */
export async function readReport(
  engine: Engine,
  request: string,
  { name, version }: WrittenReport,
): Promise<Map<string, Buffer>> {
  const report = await engine.stores.reports.find(request, name, version);
  return unzip(await engine.storage.get(report?.storageKey ?? ''));
}

export async function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const zip = await new Promise<ReadZip>((resolve, reject) =>
    fromBuffer(bytes, { lazyEntries: true }, (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const entries: Entry[] = [];
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      entries.push(entry);
      zip.readEntry();
    });
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.readEntry();
  });
  for (const entry of entries) {
    const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) =>
      zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    files.set(entry.fileName, await buffer(stream));
  }
  return files;
}

export type Row = Record<string, string>;

/** The rows of a CSV, by header. */
export function rowsOf(csv: Buffer | undefined): Row[] {
  if (csv === undefined) throw new Error('there is no such file');
  return parse<Row>(csv, { columns: true });
}

/** Text of a CSV file. */
export function csvText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

/** A ZIP of these files; the same files make the same ZIP. */
export async function zipOf(files: Readonly<Record<string, Body>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, body] of Object.entries(files))
    zip.addBuffer(Buffer.from(body), name, { mtime: new Date(2024, 0) });
  zip.end();
  return buffer(zip.outputStream);
}
