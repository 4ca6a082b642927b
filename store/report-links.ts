import { createHmac, timingSafeEqual } from 'node:crypto';

/** One report of one request; a link opens this and nothing else (C7). */
export interface LinkedReport {
  request: string;
  name: string;
  version: number;
  /** epoch milliseconds */
  expiresAt: number;
}

/**
 * The path and query of a link that lets whoever holds it download one report until it expires (C7).
 * @param secret known to the processes of the service alone
 */
export function signReportLink(secret: string, report: LinkedReport): string {
  const { request, name, version, expiresAt } = report;
  const signature = signatureOf(secret, report);
  return `/v1/migrations/${request}/reports/${name}.zip?version=${version}&expires=${expiresAt}&signature=${signature}`;
}

/** Whether a link was signed for exactly this report and has not expired. */
export function isReportLinkValid(
  secret: string,
  report: LinkedReport,
  signature: string,
  now: number,
): boolean {
  const wanted = Buffer.from(signatureOf(secret, report));
  const given = Buffer.from(signature);
  return given.length === wanted.length && timingSafeEqual(given, wanted) && now < report.expiresAt;
}

function signatureOf(secret: string, { request, name, version, expiresAt }: LinkedReport): string {
  return createHmac('sha256', secret)
    .update(`report-link\n${request}\n${name}\n${version}\n${expiresAt}`)
    .digest('base64url');
}
