import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  log,
  patched,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { AuditEntry, MessageOrder, RequestSnapshot } from '../activities/lifecycle-activities.ts';
import type { MessageKind } from '../domain/message.ts';
import { books, post, reportPost, said } from './activity-calls.ts';
import { currentDetails } from './current-details.ts';
import { failedRecords, type MigrationRecord, snapshotOf } from './migration-record.ts';

const STATE = defineSearchAttributeKey('MigrationState', 'KEYWORD');
const PORTAL = defineSearchAttributeKey('MigrationPortal', 'KEYWORD');
const SOURCE = defineSearchAttributeKey('MigrationSource', 'KEYWORD');
const FAILED_RECORDS = defineSearchAttributeKey('MigrationFailedRecords', 'INT');
const WINDOW_ENDS = defineSearchAttributeKey('ReplyWindowEnds', 'DATETIME');

/** Until then every audit entry and every document had a call of its own; requests under way may have begun so. */
const WRITTEN_TOGETHER = 'books-written-together';
/** How many audit entries one call writes. */
const ENTRIES_A_CALL = 50;

type Attributes = {
  state: string;
  portal: string | null;
  source: string | null;
  failed: number;
  windowEnds: number | null;
};

/**
 * Keeps the books of a migration: what happened goes to the audit log, the request document, the search attributes
 * and the Web UI; what people must hear goes out by mail. Writing happens beside the migration, in order, and goes on
 * when the workflow is cancelled.
 */
export class Journal {
  readonly #record: MigrationRecord;
  readonly #entries: AuditEntry[] = [];
  readonly #orders: MessageOrder[] = [];
  #writing = false;
  #posting = false;
  #written: number;
  #recorded: number;
  #shown: Attributes | null = null;

  constructor(record: MigrationRecord) {
    this.#record = record;
    this.#written = record.audited;
    this.#recorded = record.sequence;
  }

  /** Something changed: a line in the audit log (F2) and everything that `changed` does. */
  note(by: string, action: string, reason: string | null = null): void {
    this.#entries.push({
      request: this.#record.request,
      sequence: ++this.#record.audited,
      at: Date.now(),
      by,
      action,
      reason,
    });
    this.changed();
  }

  /** Something changed that lists and reads show, but nobody decided it. */
  changed(): void {
    this.#record.sequence++;
    this.#show();
    if (this.#writing) return;
    this.#writing = true;
    void CancellationScope.nonCancellable(() => this.#write());
  }

  /** Sends a message; what happens next does not wait for it. */
  tell(kind: MessageKind, facts: MessageOrder['facts'] = {}): void {
    this.#orders.push(this.#order(kind, facts));
    if (this.#posting) return;
    this.#posting = true;
    void CancellationScope.nonCancellable(() => this.#post());
  }

  /**
   * Sends a message and waits until the mail server has taken it.
   * @throws ActivityFailure when it was not taken within an hour
   */
  async tellNow(kind: MessageKind, facts: MessageOrder['facts']): Promise<void> {
    await reportPost.sendMessage.executeWithOptions(said(kind), [this.#order(kind, facts)]);
  }

  /** Waits until all that was noted so far stands in the books. */
  async recorded(): Promise<void> {
    const { audited, sequence } = this.#record;
    await CancellationScope.nonCancellable(() =>
      condition(() => this.#written >= audited && this.#recorded >= sequence),
    );
  }

  /** Whether all is written and all mail is taken. */
  get settled(): boolean {
    return !this.#writing && !this.#posting;
  }

  snapshot(): RequestSnapshot {
    return snapshotOf(this.#record, workflowInfo().runId);
  }

  async #write(): Promise<void> {
    while (this.#entries.length > 0 || this.#recorded < this.#record.sequence) {
      if (patched(WRITTEN_TOGETHER)) {
        await this.#writeAll();
        continue;
      }
      // As it was, to the order of its awaits: a replay repeats the order of commands.
      const entry = this.#entries.shift();
      if (entry === undefined) {
        const snapshot = this.snapshot();
        await this.#orLog('request document', () =>
          books.recordRequest.executeWithOptions(said(`${snapshot.state} #${snapshot.sequence}`), [snapshot]),
        );
        this.#recorded = snapshot.sequence;
      } else {
        await this.#orLog('audit entry', () =>
          books.appendAudit.executeWithOptions(said(`${entry.action} by ${entry.by}`), [entry]),
        );
        this.#written = entry.sequence;
      }
    }
    this.#writing = false;
  }

  /** All that was noted meanwhile in one call: the audit entries in their order, then the document as it stands. */
  async #writeAll(): Promise<void> {
    const entries = this.#entries.splice(0, ENTRIES_A_CALL);
    const snapshot = this.snapshot();
    const noted = entries.map(({ action }) => action).join(', ');
    const summary = `${snapshot.state} #${snapshot.sequence}${noted === '' ? '' : `: ${noted}`}`;
    await this.#orLog('books', () =>
      books.keepBooks.executeWithOptions(said(shortened(summary)), [{ entries, snapshot }]),
    );
    this.#written = entries.at(-1)?.sequence ?? this.#written;
    this.#recorded = snapshot.sequence;
  }

  async #post(): Promise<void> {
    for (let order = this.#orders.shift(); order !== undefined; order = this.#orders.shift()) {
      const { kind } = order;
      try {
        await post.sendMessage.executeWithOptions(said(kind), [order]);
      } catch (error) {
        log.warn('a message was not taken', { kind, error });
        this.note('system', 'messageFailed', kind);
      }
    }
    this.#posting = false;
  }

  /** The books are written until it succeeds; only an error that no repetition mends ends up here, and it must not end the migration. */
  async #orLog(what: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      log.error('not written', { what, error });
    }
  }

  #order(kind: MessageKind, facts: MessageOrder['facts']): MessageOrder {
    const { request, state } = this.#record;
    return { request, sequence: ++this.#record.messages, kind, at: Date.now(), state, facts };
  }

  /** F3: the Web UI tells the story on its own. */
  #show(): void {
    setCurrentDetails(currentDetails(this.#record));
    const next: Attributes = {
      state: this.#record.state,
      portal: this.#record.portal,
      source: this.#record.source,
      failed: failedRecords(this.#record),
      windowEnds: this.#record.replyWindow?.endsAt ?? null,
    };
    const shown = this.#shown;
    const updates: SearchAttributeUpdatePair[] = [];
    if (shown?.state !== next.state) updates.push({ key: STATE, value: next.state });
    if ((shown?.portal ?? null) !== next.portal) updates.push({ key: PORTAL, value: next.portal });
    if ((shown?.source ?? null) !== next.source) updates.push({ key: SOURCE, value: next.source });
    if (shown?.failed !== next.failed) updates.push({ key: FAILED_RECORDS, value: next.failed });
    if ((shown?.windowEnds ?? null) !== next.windowEnds) {
      updates.push({ key: WINDOW_ENDS, value: next.windowEnds === null ? null : new Date(next.windowEnds) });
    }
    if (updates.length > 0) upsertSearchAttributes(updates);
    this.#shown = next;
  }
}

/** The Web UI takes summaries of up to 400 bytes. */
function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}
