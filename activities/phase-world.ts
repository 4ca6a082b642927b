import { departmentKey, type World } from '../domain/complete-record.ts';
import type { Phase } from '../domain/phase.ts';
import type { RecordOutcome } from '../domain/record-outcome.ts';
import type { Tab } from '../domain/tab.ts';
import type { Desk } from '../desk/desk.ts';
import {
  countsBefore,
  type FreezePoint,
  type FrozenEntry,
  type FrozenKind,
  type FrozenPlace,
  type StandingContext,
} from '../store/frozen.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { Storage } from '../store/storage.ts';
import { foldedIds } from './fold-imported.ts';
import type { IdSet } from './id-set.ts';
import type { PhaseRun } from './import-activities.ts';
import type { PreparedRecord } from './prepare-records.ts';
import { contextOf, firstPhase, planOf } from './plan-view.ts';

/** Most looked-up people that are kept at hand. */
const KEPT_ENTRIES = 50_000;
/** Most parents that are kept at hand, by what their ids take: about 30 MB. */
const KEPT_PARENTS = 100_000;
/** A record without a created time counts as younger than any that has one. */
export const UNKNOWN_AGE = Number.MAX_SAFE_INTEGER;

const BEFORE: Partial<Record<Tab, FrozenKind>> = {
  agents: 'agentBefore',
  accounts: 'accountBefore',
  contacts: 'contactBefore',
};

/** The point that each kind is frozen with; contacts of the request are kept as they are imported. */
const FROZEN_WITH: Readonly<Record<FrozenKind, FreezePoint | null>> = {
  agentBefore: 'start',
  accountBefore: 'start',
  contactBefore: 'start',
  agent: 'agents',
  contact: null,
};

/** All that a phase's import consults beside the desk: its plan and what was frozen when it started (D3). */
export class PhaseWorld {
  readonly plan: StoredPlan;
  readonly context: StandingContext;
  /** what completes every record alike */
  readonly base: Omit<World, 'agent' | 'contact' | 'parent'>;
  readonly #stores: ImportStores;
  readonly #agentKind: FrozenKind;
  readonly #known = new Map<string, FrozenEntry | null>();
  readonly #statusesAdded = new Set<string>();
  readonly #parents = new Map<Tab, Map<string, string>>();
  #parentsKept = 0;
  #imported: { tab: Tab; ids: Promise<IdSet | null> } | null = null;

  constructor(stores: ImportStores, plan: StoredPlan, context: StandingContext) {
    this.plan = plan;
    this.context = context;
    this.#stores = stores;
    this.#agentKind = context.done.includes('agents') ? 'agent' : 'agentBefore';
    this.base = {
      importTime: context.importTime.getTime(),
      primaryContact: context.primaryContact.agentId,
      departments: new Map(context.departments.map(({ id, name }) => [departmentKey(name), id])),
      defaultDepartment: context.departments.find((each) => each.default)?.id ?? null,
      statuses: new Set(context.statuses),
    };
  }

  /** Agents of the portal by mail address. */
  agents(mails: ReadonlySet<string>): Promise<Map<string, FrozenEntry>> {
    return this.#lookUp(this.plan.phase, this.#agentKind, mails);
  }

  /** Contacts by mail address, those of this request and those that were there before; the oldest of several. */
  async contacts(mails: ReadonlySet<string>): Promise<Map<string, FrozenEntry>> {
    const [before, own] = await Promise.all([
      this.#lookUp(this.plan.phase, 'contactBefore', mails),
      this.#lookUp(firstPhase(this.plan), 'contact', mails),
    ]);
    for (const [mail, entry] of own) {
      const other = before.get(mail);
      if (other === undefined || countsBefore(entry, other)) before.set(mail, entry);
    }
    return before;
  }

  /** C9: who was in the portal before the phase, by mail address or account name. */
  before(tab: Tab, keys: ReadonlySet<string>): Promise<Map<string, FrozenEntry>> {
    const kind = BEFORE[tab];
    return kind === undefined
      ? Promise.resolve(new Map<string, FrozenEntry>())
      : this.#lookUp(this.plan.phase, kind, keys);
  }

  /** E3: the ids that an earlier phase imported, or null in a first phase. */
  importedBefore(storage: Storage, tab: Tab): Promise<IdSet | null> {
    const { continues, request } = this.plan;
    if (continues === null) return Promise.resolve(null);
    if (this.#imported?.tab !== tab) {
      const deps = { stores: this.#stores, storage };
      this.#imported = { tab, ids: foldedIds(deps, { request, phase: continues, tab }) };
    }
    return this.#imported.ids;
  }

  /**
   * Desk ids of records that others name as their parents (C5), by external id. In phase 1 one that was there
   * stays: the portal is closed, and records of the same run only come. In phase 2 agents may delete, so each batch asks.
   */
  async resolve(desk: Desk, tab: Tab, externalIds: ReadonlySet<string>): Promise<Map<string, string>> {
    const known = this.plan.continues === null ? this.#parents.get(tab) : undefined;
    const found = new Map<string, string>();
    const unknown: string[] = [];
    for (const id of externalIds) {
      const deskId = known?.get(id);
      if (deskId === undefined) unknown.push(id);
      else found.set(id, deskId);
    }
    if (unknown.length === 0) return found;
    const resolved = await desk.resolve(this.context.portal, this.context.scope, tab, unknown);
    if (this.#parentsKept + resolved.size > KEPT_PARENTS) {
      this.#parents.clear();
      this.#parentsKept = 0;
    }
    let kept = this.#parents.get(tab);
    if (kept === undefined) this.#parents.set(tab, (kept = new Map<string, string>()));
    for (const [id, deskId] of resolved) {
      kept.set(id, deskId);
      found.set(id, deskId);
    }
    this.#parentsKept += resolved.size;
    return found;
  }

  /** C4: makes statuses known to the portal, each once. */
  async addStatuses(desk: Desk, statuses: ReadonlySet<string>): Promise<void> {
    const fresh = [...statuses].filter((status) => !this.#statusesAdded.has(status));
    if (fresh.length === 0) return;
    await desk.addStatuses(this.context.portal, fresh);
    for (const status of fresh) this.#statusesAdded.add(status);
  }

  /** C3: keeps whose mail addresses these contacts have, for the authors of what follows. */
  async keepContacts(batch: readonly PreparedRecord[], outcomes: readonly RecordOutcome[]): Promise<void> {
    const entries = new Map<string, FrozenEntry>();
    for (const [place, { mail, createdTime }] of batch.entries()) {
      const deskId = outcomes[place]?.deskId;
      if (mail === null || deskId === null || deskId === undefined) continue;
      const entry: FrozenEntry = { deskId, since: createdTime ?? UNKNOWN_AGE, active: true };
      const other = entries.get(mail);
      if (other === undefined || countsBefore(entry, other)) entries.set(mail, entry);
    }
    await this.#stores.frozen.keep(this.#placeOf(firstPhase(this.plan), 'contact'), entries);
  }

  async #lookUp(
    phase: Phase,
    kind: FrozenKind,
    keys: ReadonlySet<string>,
  ): Promise<Map<string, FrozenEntry>> {
    const found = new Map<string, FrozenEntry>();
    const unknown: string[] = [];
    for (const key of keys) {
      const entry = this.#known.get(`${kind} ${key}`);
      if (entry === undefined) unknown.push(key);
      else if (entry !== null) found.set(key, entry);
    }
    if (unknown.length === 0) return found;
    const entries = await this.#stores.frozen.lookUp(this.#placeOf(phase, kind), unknown);
    if (this.#known.size + unknown.length > KEPT_ENTRIES) this.#known.clear();
    for (const key of unknown) {
      const entry = entries.get(key) ?? null;
      this.#known.set(`${kind} ${key}`, entry);
      if (entry !== null) found.set(key, entry);
    }
    return found;
  }

  #placeOf(phase: Phase, kind: FrozenKind): FrozenPlace {
    const point = FROZEN_WITH[kind];
    const attempt = point === null ? null : (this.context.frozenBy?.[point] ?? null);
    return { request: this.plan.request, phase, kind, attempt };
  }
}

/**
 * A phase's world. It is immutable once frozen, so that a worker keeps the one it used last.
 * @throws ImportError PLAN_MISSING, CONTEXT_MISSING
 */
export async function loadWorld({ stores }: { stores: ImportStores }, run: PhaseRun): Promise<PhaseWorld> {
  const context = await contextOf(stores, run);
  const { startedAt, done } = context;
  const name = `${run.request}/${run.phase}/${startedAt.getTime()}/${done.toSorted().join()}`;
  let worlds = kept.get(stores);
  if (worlds === undefined) kept.set(stores, (worlds = new Map<string, PhaseWorld>()));
  const known = worlds.get(name);
  if (known !== undefined) return known;
  const world = new PhaseWorld(stores, await planOf({ plans: stores.plans }, run), context);
  for (const old of worlds.keys()) if (worlds.size >= KEPT_WORLDS) worlds.delete(old);
  worlds.set(name, world);
  return world;
}

const KEPT_WORLDS = 4;
const kept = new WeakMap<ImportStores, Map<string, PhaseWorld>>();
