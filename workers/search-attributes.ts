import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

const { IndexedValueType } = proto.temporal.api.enums.v1;

/** The product's search attributes (F3) with their Temporal types. */
export const SEARCH_ATTRIBUTES = {
  MigrationState: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  MigrationPortal: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  MigrationSource: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  MigrationFailedRecords: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  ReplyWindowEnds: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

const GRPC_ALREADY_EXISTS = 6;
const GRPC_UNIMPLEMENTED = 12;

/**
 * Makes those of SEARCH_ATTRIBUTES that `namespace` does not have yet; may be called again at any time. Without them
 * every workflow task of the product fails. Throws the server's error when it refuses.
 */
export async function registerSearchAttributes(
  connection: Pick<Connection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  const present = await customAttributes(connection, namespace);
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    if (present.has(name)) continue;
    await connection.operatorService
      .addSearchAttributes({ namespace, searchAttributes: { [name]: type } })
      .catch((error: unknown) => {
        // Another process was faster, or the server does not say which it has.
        if (!hasCode(error, GRPC_ALREADY_EXISTS)) throw error;
      });
  }
}

async function customAttributes(
  connection: Pick<Connection, 'operatorService'>,
  namespace: string,
): Promise<Set<string>> {
  try {
    const listed = await connection.operatorService.listSearchAttributes({ namespace });
    return new Set(Object.keys(listed.customAttributes));
  } catch (error) {
    // The time-skipping test server does not list them.
    if (hasCode(error, GRPC_UNIMPLEMENTED)) return new Set();
    throw error;
  }
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
