import type { Db } from 'mongodb';
import { idsUnder, padded } from './database.ts';

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

type ReportDocument = Report & { _id: string };

export interface Reports {
  /** The version that stands for a fingerprint: the last one when it is the same, else a new one. */
  begin(request: string, name: string, fingerprint: string, at: Date): Promise<Report>;
  written(report: Report, bytes: number): Promise<void>;
  find(request: string, name: string, version: number): Promise<Report | null>;
  latest(request: string, name: string): Promise<Report | null>;
  list(request: string): Promise<Report[]>;
}

export function createReports(db: Db): Reports {
  const reports = db.collection<ReportDocument>('reports');
  const idOf = (request: string, name: string, version: number): string =>
    `${request}/${name}/${padded(version)}`;
  const toReport = ({ _id, ...report }: ReportDocument): Report => report;
  const latest: Reports['latest'] = async (request, name) => {
    const [found] = await reports
      .find({ _id: idsUnder(`${request}/${name}/`) }, { sort: { _id: -1 }, limit: 1 })
      .toArray();
    return found === undefined ? null : toReport(found);
  };
  return {
    latest,
    async begin(request, name, fingerprint, at) {
      for (;;) {
        const last = await latest(request, name);
        if (last !== null && last.fingerprint === fingerprint) return last;
        const version = (last?.version ?? 0) + 1;
        const storageKey = `reports/${request}/${name}-v${version}.zip`;
        const report: Report = { request, name, version, fingerprint, at, storageKey, bytes: null };
        // a twin may take the number first: then look again
        await reports.updateOne(
          { _id: idOf(request, name, version) },
          { $setOnInsert: report },
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
