import { randomUUID } from 'node:crypto';
import { accountNameKey, mailKey } from '../domain/complete-record.ts';
import type { Fields } from '../domain/canonical.ts';
import type { Tab } from '../domain/tab.ts';
import type { Desk } from '../desk/desk.ts';
import { countsBefore, type FrozenEntry, type FrozenKind } from '../store/frozen.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { foundBeforeKey } from './fold-imported.ts';
import { IdSetBuilder } from './id-set.ts';
import type { ImportActivities } from './import-activities.ts';
import { UNKNOWN_AGE } from './phase-world.ts';
import { planOf } from './plan-view.ts';

export interface FreezeContextDeps {
  stores: ImportStores;
  storage: Storage;
  desk: Desk;
  now?: () => Date;
}

/**
 * Makes the activity that freezes what a phase consults of the portal (design: From file to desk, 3). What an attempt
 * has frozen a second one does not change: each keeps under a name of its own, and that of the first to come to its end counts (D3).
 */
export function makeFreezeContext(deps: FreezeContextDeps): ImportActivities['freezeContext'] {
  return async ({ after, ...run }) => {
    const { stores } = deps;
    const plan = await planOf(stores, run);
    const begun = await stores.frozen.find(run.request, run.phase);
    if (begun?.done.includes(after) === true) return;
    const attempt = randomUUID();
    if (after === 'start') await freezeStart(deps, plan, attempt);
    // contacts are kept by mail address as they are imported; agents may have been in the portal before and have no row
    if (after === 'agents') {
      const people = { tab: 'agents', kind: 'agent', attempt } as const;
      await freezePeople(deps, plan, people);
      const { portal } = begun ?? { portal: plan.portal };
      if (portal !== plan.portal) await freezePeople(deps, { ...plan, portal }, people);
    }
    await stores.frozen.reached(run.request, run.phase, after, attempt);
  };
}

async function freezeStart(deps: FreezeContextDeps, plan: StoredPlan, attempt: string): Promise<void> {
  const { stores, desk } = deps;
  const { request, phase, continues } = plan;
  const portal = await desk.portal(plan.portal);
  const startedAt = (deps.now ?? (() => new Date()))();
  // B6: a sample is written into a throw-away copy, with everyone who is in the portal itself
  const target = phase === 'sample' ? await desk.openSamplePortal(plan.portal, request) : plan.portal;
  const earlier = continues === null ? null : await stores.frozen.find(request, continues);
  await stores.frozen.begin(request, phase, {
    startedAt,
    importTime: earlier?.importTime ?? startedAt,
    portal: target,
    scope: plan.scope,
    primaryContact: portal.primaryContact,
    departments: portal.departments,
    statuses: portal.statuses,
  });
  const has = (...tabs: Tab[]): boolean => plan.parts.some((part) => tabs.includes(part.tab));
  await freezePeople(deps, plan, { tab: 'agents', kind: 'agentBefore', attempt });
  if (has('accounts')) await freezePeople(deps, plan, { tab: 'accounts', kind: 'accountBefore', attempt });
  if (has('contacts', 'threads', 'comments', 'attachments'))
    await freezePeople(deps, plan, { tab: 'contacts', kind: 'contactBefore', attempt });
  if (continues === null) await noteFound(deps, plan, target, attempt);
}

const KEYS: Partial<Record<Tab, { field: string; key: (text: string) => string }>> = {
  agents: { field: 'email', key: mailKey },
  accounts: { field: 'accountName', key: accountNameKey },
  contacts: { field: 'email', key: mailKey },
};

/** Keeps who is in the portal by mail address or name; this request's own records only among `agent`. */
async function freezePeople(
  { stores, desk }: FreezeContextDeps,
  plan: StoredPlan,
  { tab, kind, attempt }: { tab: Tab; kind: FrozenKind; attempt: string },
): Promise<void> {
  const { request, phase } = plan;
  const by = KEYS[tab];
  if (by === undefined) return;
  // doubles within the source are the source's truth and stay (C9)
  const except = kind === 'agent' ? undefined : request;
  for await (const page of desk.scanPortal(plan.portal, tab, [by.field, 'createdTime', 'status'], except)) {
    beat();
    const entries = new Map<string, FrozenEntry>();
    for (const { deskId, fields } of page) {
      const text = fields[by.field];
      if (typeof text !== 'string' || text.trim() === '') continue;
      const entry = entryOf(deskId, fields);
      const key = by.key(text);
      const other = entries.get(key);
      if (other === undefined || countsBefore(entry, other)) entries.set(key, entry);
    }
    await stores.frozen.keep({ request, phase, kind, attempt }, entries);
  }
}

function entryOf(deskId: string, { createdTime, status }: Fields): FrozenEntry {
  return {
    deskId,
    since: createdTime instanceof Date ? createdTime.getTime() : UNKNOWN_AGE,
    active: status !== 'inactive',
  };
}

/** Notes what stands under the scope already, so that it is not taken for extra (D2). */
async function noteFound(
  { storage, desk }: FreezeContextDeps,
  plan: StoredPlan,
  target: string,
  attempt: string,
): Promise<void> {
  for (const tab of plan.tabs) {
    const ids = new IdSetBuilder();
    for await (const page of desk.scan(target, plan.scope, tab)) {
      beat();
      for (const { externalId, createdBy } of page) {
        if (createdBy?.request !== plan.request) ids.add(externalId);
      }
    }
    const { request, phase } = plan;
    await storage.put(foundBeforeKey({ request, phase, tab }, attempt), ids.build().toBytes());
  }
}
