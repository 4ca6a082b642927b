import type { RequestDocument } from '../store/requests.ts';
import type { Api } from './app.ts';

/** The reports of a request, by time: those of its phases, and those that are written beside its own process (sample, undo). */
export async function reportsOf(
  api: Pick<Api, 'stores'>,
  { id, reports }: RequestDocument,
): Promise<RequestDocument['reports']> {
  const all = new Map(reports.map((report) => [`${report.name} ${report.version}`, report]));
  for (const { name, version, at, bytes } of await api.stores.reports.list(id)) {
    const key = `${name} ${version}`;
    if (bytes !== null && !all.has(key)) all.set(key, { name, version, at });
  }
  return [...all.values()].toSorted((a, b) => a.at.getTime() - b.at.getTime());
}
