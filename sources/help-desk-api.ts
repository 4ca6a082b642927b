import type { Tab } from '../domain/tab.ts';

/** What a help desk says it has of a tab. */
export interface SourceTab {
  tab: Tab;
  /** counted by the help desk itself (D1) */
  records: number;
}

export interface SourceInventory {
  /** its own clock; given back as `since`, it asks for what changed from then on (E3) */
  time: string;
  tabs: SourceTab[];
}

export interface SourcePage {
  /** records as JSON objects separated by commas, byte for byte as they came */
  body: Buffer;
  records: number;
  /** where the next page begins, or null after the last */
  next: string | null;
}

/**
 * A help desk that is read by its API. An adapter for a vendor gives records with the columns of docs/formats.md, or
 * with the vendor's own and a mapping for them (A10). Every method throws SourceError.
 */
export interface HelpDeskApi {
  /** Which tabs it has and how many records of each; with `since` only those made or changed from then on. */
  inventory(since: string | null): Promise<SourceInventory>;
  /** A page of a tab's records, in an order that stays. */
  page(tab: Tab, position: { after: string | null; since: string | null }): Promise<SourcePage>;
  /** The content of an attachment, or null where the help desk has none. */
  file(attachment: string): Promise<AsyncIterable<Uint8Array> | null>;
  close(): void;
}
