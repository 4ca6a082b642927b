import type { Db } from 'mongodb';
import type { Desk, LinkFinder } from '../desk.ts';
import {
  addStatuses,
  closePortal,
  findPortal,
  listPortals,
  lockIntegrations,
  openPortal,
  openSamplePortal,
  unlockIntegrations,
} from './portals.ts';
import { findInlineImages, keepInlineImages } from './inline-images.ts';
import { countScope, readRecords, resolveIds, scanPortal, scanScope } from './read-records.ts';
import { createRecordQuota } from './record-quota.ts';
import { dropSamplePortal, judgeRemoval, removeRecords } from './remove-records.ts';
import { writeRecords } from './write-records.ts';

/**
 * The embedded desk: a collection per tab in a MongoDB database (docs/formats.md).
 * @param links desk ids that cannot be derived from external ids
 */
export function createEmbeddedDesk(db: Db, links: LinkFinder): Desk {
  const quota = createRecordQuota(db);
  return {
    portals: (tenant) => listPortals(db, tenant),
    portal: (id) => findPortal(db, id),
    close: (portal, request) => closePortal(db, portal, request),
    open: (portal, request) => openPortal(db, portal, request),
    lockIntegrations: (portal, request) => lockIntegrations(db, portal, request),
    unlockIntegrations: (portal, request) => unlockIntegrations(db, portal, request),
    openSamplePortal: (portal, request) => openSamplePortal(db, portal, request),
    dropSamplePortal: (request) => dropSamplePortal(db, request),
    addStatuses: (portal, statuses) => addStatuses(db, portal, statuses),
    write: (tab, batch, stamp) => writeRecords(db, quota, tab, batch, stamp),
    keepInlineImages: (_portal, tab, records) => keepInlineImages(db, tab, records),
    inlineImages: (_portal, tab, deskIds) => findInlineImages(db, tab, deskIds),
    resolve: (portal, scope, tab, externalIds) => resolveIds(db, links, { portal, scope, tab }, externalIds),
    read: (portal, scope, tab, externalIds) => readRecords(db, { portal, scope, tab }, externalIds),
    count: (portal, scope, tab) => countScope(db, { portal, scope, tab }),
    scan: (portal, scope, tab) => scanScope(db, { portal, scope, tab }),
    scanPortal: (portal, tab, fields, except) => scanPortal(db, portal, tab, fields, except),
    remove: (tab, deskIds, request) => removeRecords(db, tab, deskIds, request),
    wouldRemove: (tab, deskIds, request) => judgeRemoval(db, tab, deskIds, request),
  };
}
