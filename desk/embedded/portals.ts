import { type Collection, type Db, MongoServerError } from 'mongodb';
import type { Fields } from '../../domain/canonical.ts';
import type { Tab } from '../../domain/tab.ts';
import type { DeskId, Portal } from '../desk.ts';
import {
  BadName,
  IntegrationsLocked,
  IntegrationsOn,
  PortalClosed,
  PortalExists,
  PortalNotFound,
} from '../errors.ts';
import { type DeskDocument, recordsOf } from './desk-document.ts';
import { checkPortalId, NATIVE_SCOPE, recordId } from './record-id.ts';

/** A portal as stored: its id is `_id`. */
export type PortalDocument = Omit<Portal, 'id'> & { _id: string };

export type NewPortal = Omit<Portal, 'closedBy' | 'integrationsLockedBy'>;

/** One of a portal's own agents. */
export interface NativeAgent {
  /** unique in the portal */
  id: string;
  lastName: string;
  firstName?: string;
  email: string;
  status: 'active' | 'inactive';
  department?: string;
  role?: string;
}

export const portalsOf = (db: Db): Collection<PortalDocument> => db.collection<PortalDocument>('portals');

const DUPLICATE_KEY = 11_000;
const SAMPLE_PREFIX = 'sample.';

/** Whether a write was refused because the `_id` is taken. */
function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/** The desk id of a portal's own record (not imported). */
export function nativeId(portal: string, id: string): DeskId {
  return recordId(portal, NATIVE_SCOPE, id);
}

/**
 * Makes a portal, open and with its integrations free to be switched.
 * @throws PortalExists when the id is taken, BadName when it cannot be one
 */
export async function createPortal(db: Db, portal: NewPortal): Promise<void> {
  checkPortalId(portal.id);
  if (portal.id.startsWith(SAMPLE_PREFIX)) {
    throw new BadName('portal id', portal.id, `"${SAMPLE_PREFIX}" is kept for sample runs`);
  }
  const { id, ...rest } = portal;
  try {
    await portalsOf(db).insertOne({ _id: id, ...rest, closedBy: null, integrationsLockedBy: null });
  } catch (error) {
    if (isDuplicateKey(error)) throw new PortalExists(id);
    throw error;
  }
}

/** All portals of the desk, or those of one tenant, by id. */
export async function listPortals(db: Db, tenant?: string): Promise<Portal[]> {
  const found = await portalsOf(db)
    .find(tenant === undefined ? {} : { tenant })
    .toArray();
  // a sample run's throw-away copy is nobody's portal
  return found
    .filter((each) => !each._id.startsWith(SAMPLE_PREFIX))
    .map(toPortal)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** @throws PortalNotFound */
export async function findPortal(db: Db, id: string): Promise<Portal> {
  const found = await portalsOf(db).findOne({ _id: id });
  if (found === null) throw new PortalNotFound(id);
  return toPortal(found);
}

/** Adds the portal's own agents; one that is there already stays as it is. Their desk ids, in order. */
export function addAgents(db: Db, portal: string, agents: readonly NativeAgent[]): Promise<DeskId[]> {
  return addNativeRecords(
    db,
    portal,
    'agents',
    agents.map(({ id, lastName, firstName, email, status, department, role }) => {
      const fields: Fields = { lastName };
      if (firstName !== undefined) fields['firstName'] = firstName;
      fields['fullName'] = firstName === undefined ? lastName : `${firstName} ${lastName}`;
      fields['email'] = email;
      fields['status'] = status;
      if (department !== undefined) fields['department'] = department;
      if (role !== undefined) fields['role'] = role;
      return { id, fields };
    }),
  );
}

/** Adds records that no import made, as the portal's people would; one that is there already stays as it is. Their desk ids, in order. */
export async function addNativeRecords(
  db: Db,
  portal: string,
  tab: Tab,
  records: readonly { id: string; fields: Fields }[],
): Promise<DeskId[]> {
  const documents = records.map(
    ({ id, fields }): DeskDocument => ({ _id: nativeId(portal, id), externalId: id, ...fields }),
  );
  for (const document of documents) {
    try {
      await recordsOf(db, tab).insertOne(document);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }
  return documents.map((document) => document._id);
}

/**
 * B2: switches integrations on or off.
 * @throws PortalNotFound, or IntegrationsLocked when one is to be switched on while a migration runs
 */
export async function setIntegrations(
  db: Db,
  portal: string,
  wanted: Partial<Portal['integrations']>,
): Promise<Portal> {
  const set: Record<string, boolean> = {};
  if (wanted.zohoCrm !== undefined) set['integrations.zohoCrm'] = wanted.zohoCrm;
  if (wanted.salesforce !== undefined) set['integrations.salesforce'] = wanted.salesforce;
  if (Object.keys(set).length === 0) return findPortal(db, portal);
  const switchesOn = wanted.zohoCrm === true || wanted.salesforce === true;
  // the lock stands in the filter: it may come between a look and the change
  const { matchedCount } = await portalsOf(db).updateOne(
    switchesOn ? { _id: portal, integrationsLockedBy: null } : { _id: portal },
    { $set: set },
  );
  const now = await findPortal(db, portal);
  if (matchedCount === 0) throw new IntegrationsLocked(portal, now.integrationsLockedBy ?? 'another');
  return now;
}

/**
 * B2: keeps the integrations off for one request.
 * @throws PortalNotFound, IntegrationsLocked when another request holds them, IntegrationsOn when one is on
 */
export async function lockIntegrations(db: Db, portal: string, request: string): Promise<void> {
  const off = { 'integrations.zohoCrm': false, 'integrations.salesforce': false };
  const { matchedCount } = await portalsOf(db).updateOne(
    { _id: portal, integrationsLockedBy: null, ...off },
    { $set: { integrationsLockedBy: request } },
  );
  if (matchedCount === 1) return;
  const now = await findPortal(db, portal);
  if (now.integrationsLockedBy === request) return;
  if (now.integrationsLockedBy !== null) throw new IntegrationsLocked(portal, now.integrationsLockedBy);
  throw new IntegrationsOn(portal, integrationsOn(now));
}

/** B2: ends the lock of this request; another's stays. */
export async function unlockIntegrations(db: Db, portal: string, request: string): Promise<void> {
  await portalsOf(db).updateOne(
    { _id: portal, integrationsLockedBy: request },
    { $set: { integrationsLockedBy: null } },
  );
}

/** B2: the names of the integrations that are on. */
function integrationsOn(portal: Portal): string[] {
  const on: string[] = [];
  if (portal.integrations.zohoCrm) on.push('Zoho CRM');
  if (portal.integrations.salesforce) on.push('Salesforce');
  return on;
}

/** C2. @throws PortalNotFound, PortalClosed when another request closed it */
export async function closePortal(db: Db, portal: string, request: string): Promise<void> {
  const { matchedCount } = await portalsOf(db).updateOne(
    { _id: portal, closedBy: null },
    { $set: { closedBy: request } },
  );
  if (matchedCount === 1) return;
  const now = await findPortal(db, portal);
  if (now.closedBy !== request) throw new PortalClosed(portal, now.closedBy ?? 'another');
}

/** C2: opens what this request closed; what another closed stays closed. */
export async function openPortal(db: Db, portal: string, request: string): Promise<void> {
  await portalsOf(db).updateOne({ _id: portal, closedBy: request }, { $set: { closedBy: null } });
}

/** C4: adds statuses the portal does not have yet. @throws PortalNotFound */
export async function addStatuses(db: Db, portal: string, statuses: readonly string[]): Promise<void> {
  if (statuses.length === 0) return;
  const { matchedCount } = await portalsOf(db).updateOne(
    { _id: portal },
    { $addToSet: { statuses: { $each: [...statuses] } } },
  );
  if (matchedCount === 0) throw new PortalNotFound(portal);
}

/** B6: the id of a request's throw-away portal. */
export const samplePortalId = (request: string): string => `${SAMPLE_PREFIX}${request}`;

/** B6: a copy of the portal's settings, with none of its records and no quota. @throws PortalNotFound */
export async function openSamplePortal(db: Db, portal: string, request: string): Promise<string> {
  const { id: _id, ...settings } = await findPortal(db, portal);
  const id = samplePortalId(request);
  checkPortalId(id);
  await portalsOf(db).replaceOne(
    { _id: id },
    { ...settings, recordQuota: null, closedBy: null, integrationsLockedBy: null },
    { upsert: true },
  );
  return id;
}

function toPortal({ _id, ...rest }: PortalDocument): Portal {
  return { id: _id, ...rest };
}
