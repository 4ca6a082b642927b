import type { Db } from 'mongodb';
import { idsUnder, padded } from './database.ts';
import { StoreError } from './errors.ts';

/** One version of a report (C7, F1). */
export interface Report {
  request: string;
  /** e.g. `phase-1` */
  name: string;
  version: number;
  /** of what it is made of: the same ledger is the same version (D3) */
  fingerprint: string;
  /** when this version was begun: what the report calls its end */
  at: Date;
  storageKey: string;
  /** null until it is written */
  bytes: number | null;
}

type ReportDocument = Report & {
  _id: string;
  /** the attempt that began it, by the time the attempt was scheduled; epoch milliseconds; absent in those of before it was kept */
  claimedAt?: number;
};

export interface Reports {
  /**
   * The version that stands for a fingerprint: the last one when it is the same, else a new one.
   * @param claimedAt when the attempt was scheduled, in epoch milliseconds
   * @throws StoreError CONFLICT when an attempt that was scheduled later has begun the last one (D3)
   */
  begin(request: string, name: string, fingerprint: string, at: Date, claimedAt: number): Promise<Report>;
  written(report: Report, bytes: number): Promise<void>;
  find(request: string, name: string, version: number): Promise<Report | null>;
  latest(request: string, name: string): Promise<Report | null>;
  list(request: string): Promise<Report[]>;
}

export function createReports(db: Db): Reports {
  const reports = db.collection<ReportDocument>('reports');
  const idOf = (request: string, name: string, version: number): string =>
    `${request}/${name}/${padded(version)}`;
  const toReport = ({ _id, claimedAt, ...report }: ReportDocument): Report => report;
  const lastOf = async (request: string, name: string): Promise<ReportDocument | undefined> => {
    const [found] = await reports
      .find({ _id: idsUnder(`${request}/${name}/`) }, { sort: { _id: -1 }, limit: 1 })
      .toArray();
    return found;
  };
  return {
    async latest(request, name) {
      const found = await lastOf(request, name);
      return found === undefined ? null : toReport(found);
    },
    async begin(request, name, fingerprint, at, claimedAt) {
      for (;;) {
        const last = await lastOf(request, name);
        if (last?.fingerprint === fingerprint) return toReport(last);
        if (last?.claimedAt !== undefined && last.claimedAt > claimedAt) {
          throw new StoreError('CONFLICT', `a later run has begun version ${last.version} of the report`);
        }
        const version = (last?.version ?? 0) + 1;
        const storageKey = `reports/${request}/${name}-v${version}.zip`;
        const report: Report = { request, name, version, fingerprint, at, storageKey, bytes: null };
        // a twin may take the number first: then look again
        await reports.updateOne(
          { _id: idOf(request, name, version) },
          { $setOnInsert: { ...report, claimedAt } },
          { upsert: true },
        );
      }
    },
    async written(report, bytes) {
      await reports.updateOne(
        { _id: idOf(report.request, report.name, report.version) },
        { $set: { bytes } },
      );
    },
    async find(request, name, version) {
      const found = await reports.findOne({ _id: idOf(request, name, version) });
      return found === null ? null : toReport(found);
    },
    async list(request) {
      const found = await reports.find({ _id: idsUnder(`${request}/`) }, { sort: { _id: 1 } }).toArray();
      return found.map(toReport);
    },
  };
}
