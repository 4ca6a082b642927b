import { Client, type Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { Db } from 'mongodb';
import type { Logger } from '../configuration/create-logger.ts';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { listPortals, setIntegrations } from '../desk/embedded/portals.ts';
import { createImportStores } from '../store/import-stores.ts';
import type { KeyRing } from '../store/key-ring.ts';
import { createReportSigner } from '../store/report-signature.ts';
import { createSourceKeys } from '../store/source-keys.ts';
import type { Storage } from '../store/storage.ts';
import { createStores } from '../store/stores.ts';
import { followCalls } from '../temporal/follow-calls.ts';
import type { Tracing } from '../temporal/trace.ts';
import type { ApiConfiguration, ApiDependencies } from './app.ts';
import { createReadProgress } from '../store/read-progress.ts';

/** Brings together what the API works with; nothing is asked of the database or of Temporal yet. */
export function gatherDependencies(given: {
  db: Db;
  pingDatabase: () => Promise<void>;
  connection: Connection;
  storage: Storage;
  /** of Temporal */
  namespace: string;
  config: ApiConfiguration;
  /** how what Temporal keeps is written and read */
  dataConverter: DataConverter;
  /** seals the keys of sources */
  keyRing: KeyRing;
  logger: Logger;
  /** null where traces are not asked for */
  tracing: Tracing | null;
}): ApiDependencies {
  const { db, connection, namespace, dataConverter, keyRing, ...asGiven } = given;
  const { tracing } = asGiven;
  const importStores = createImportStores(db);
  const stores = createStores(db, createReportSigner(given.config.secret));
  return {
    ...asGiven,
    stores,
    sourceKeys: createSourceKeys(db, keyRing),
    temporal: new Client({
      connection,
      namespace,
      dataConverter,
      interceptors: { workflow: [...(tracing === null ? [] : [tracing.client]), followCalls] },
    }),
    desk: {
      ...createEmbeddedDesk(db, stores.links),
      allPortals: () => listPortals(db),
      setIntegrations: (portal, wanted) => setIntegrations(db, portal, wanted),
    },
    progress: createReadProgress(importStores),
    discrepancies: importStores.discrepancies,
  };
}
