import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { addAgents, createPortal } from '../desk/embedded/portals.ts';
import { EMPTY_DRAFT } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import { openDatabase } from '../store/database.ts';
import { createImportStores, type ImportStores } from '../store/import-stores.ts';
import { openStorage, type Storage } from '../store/storage.ts';
import { createStores, type Stores } from '../store/stores.ts';
import { uploadKey } from '../store/uploads.ts';
import type { Desk } from '../desk/desk.ts';
import type { InputFile } from './make-input.ts';

/** Where a measurement's data are. */
export interface Place {
  uri: string;
  database: string;
  /** folder of uploads and segments */
  storage: string;
}

/** What the activities reach the world by. */
export interface World {
  stores: Stores & ImportStores;
  storage: Storage;
  desk: Desk;
  close(): Promise<void>;
  /** Closes, and removes the database with all that is in it. */
  drop(): Promise<void>;
}

export async function openWorld(place: Place): Promise<World> {
  const database = await openDatabase(place.uri, place.database);
  const { db } = database;
  const stores = { ...createStores(db, null), ...createImportStores(db) };
  const desk = createEmbeddedDesk(db, stores.links);
  return {
    stores,
    storage: openStorage({ folder: place.storage }),
    desk,
    close: () => database.close(),
    async drop() {
      await db.dropDatabase();
      await database.close();
    },
  };
}

const TABS: Tab[] = ['agents', 'contacts', 'products', 'tickets'];

/** Makes a portal of its own and a request for it, with the files uploaded; the request's id. */
export async function fileRequest(
  place: Place,
  files: readonly InputFile[],
  omit: readonly Tab[] = ['threads', 'comments', 'attachments'],
): Promise<string> {
  const database = await openDatabase(place.uri, place.database);
  const { db } = database;
  try {
    const portal = `p${randomBytes(6).toString('hex')}`;
    const mail = 'owner@portal.example';
    const agentId = `${portal}/desk/owner`;
    await createPortal(db, {
      id: portal,
      name: portal,
      tenant: 'bench',
      plan: 'paid',
      recordQuota: null,
      departments: [{ id: 'support', name: 'Support', default: true }],
      statuses: ['Open', 'On Hold', 'Escalated', 'Closed'],
      integrations: { zohoCrm: false, salesforce: false },
      primaryContact: { agentId, name: 'Owner', mail },
    });
    await addAgents(db, portal, [{ id: 'owner', lastName: 'Owner', email: mail, status: 'active' }]);
    const request = `m_${randomBytes(8).toString('hex')}`;
    await createStores(db, null).drafts.insert(request, 1, {
      ...EMPTY_DRAFT,
      requester: { name: 'R', mail: 'r@portal.example', company: 'C', locale: 'en', timeZone: 'UTC' },
      source: { system: 'Other', kind: 'files', scope: 'files' },
      tabs: TABS,
      omit: [...omit],
      remarks: '',
      desk: { kind: 'embedded', portal },
    });
    for (const file of files) await sendFile(place, request, file, null);
    return request;
  } finally {
    await database.close();
  }
}

/** Uploads a file of a request, or of a reply. */
export async function sendFile(
  place: Place,
  request: string,
  { name, path }: InputFile,
  reply: string | null,
): Promise<void> {
  const database = await openDatabase(place.uri, place.database);
  const { db } = database;
  try {
    const key = uploadKey(request, name, reply);
    const storageKey = `uploads/${request}/${key}/${randomBytes(6).toString('hex')}`;
    const { bytes, sha256 } = await openStorage({ folder: place.storage }).put(
      storageKey,
      createReadStream(path),
    );
    const uploadedAt = new Date();
    await createStores(db, null).uploads.put({
      request,
      key,
      name,
      bytes,
      sha256,
      storageKey,
      uploadedAt,
      reply,
    });
  } finally {
    await database.close();
  }
}
