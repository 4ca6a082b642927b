import type { Filter } from 'mongodb';
import { COLUMNS } from '../../domain/columns.ts';
import { TABS, type Tab } from '../../domain/tab.ts';
import type { DeskDocument } from './desk-document.ts';

const knownFields = new Map<Tab, readonly string[]>(
  TABS.map((tab) => {
    const fields = new Set<string>(['customFields', 'migration']);
    for (const { field, person } of COLUMNS[tab]) {
      fields.add(field);
      if (person !== undefined) fields.add(person.idField);
    }
    return [tab, [...fields]];
  }),
);

/**
 * A filter that matches a document only as it was read: an edit in between is seen, not overwritten. Every field it
 * had must still be equal, and every field of the tab that it lacked must still be absent.
 */
export function asRead(tab: Tab, document: DeskDocument): Filter<DeskDocument> {
  const filter: Record<string, unknown> = { _id: document._id };
  for (const [field, value] of Object.entries(document)) {
    // $eq, since custom fields may be named like an operator
    if (field !== '_id') filter[field] = { $eq: value };
  }
  for (const field of knownFields.get(tab) ?? []) {
    if (!(field in document)) filter[field] = { $exists: false };
  }
  return filter as Filter<DeskDocument>;
}
