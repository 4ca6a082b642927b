import type { Desk, Portal } from '../desk/desk.ts';
import type { State } from '../domain/lifecycle.ts';
import { type ComposedMessage, composeMessage, type MessageFacts } from '../mail/compose-message.ts';
import { replyAddress } from '../mail/reply-address.ts';
import type { MailSender, OutgoingMail } from '../mail/send-mail.ts';
import { signReportLink } from '../store/report-links.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities, MessageOrder } from './lifecycle-activities.ts';
import { putOnTicket, putReplyOnTicket } from './support-ticket.ts';

export interface SendMessageDependencies {
  stores: Pick<Stores, 'audit' | 'messages' | 'replies' | 'requests' | 'supportTickets' | 'uploads'>;
  importStores: Pick<ImportStores, 'reports'>;
  storage: Pick<Storage, 'localPath'>;
  desk: Pick<Desk, 'portal'>;
  mail: MailSender;
  settings: {
    publicUrl: string;
    /** where answers go outside of the reply window */
    teamMail: string;
    /** A4: where larger limits are asked for */
    supportAddress: string;
    /** E1: the mailbox for replies; null when they do not come by mail */
    replyMailbox: string | null;
    /** the part of a Message-ID after the @ */
    messageDomain: string;
    /** C7: a larger report is linked, not attached; in bytes */
    largestAttachment: number;
    linkSecret: string;
    /** C7: how long such a link works, in milliseconds */
    linkLifetime: number;
  };
}

/** A request's messages hang together in the reader's mail program. */
const threadId = (request: string, domain: string): string => `<${request}.0@${domain}>`;

class ReportNotWritten extends Error {
  readonly code = 'REPORT_NOT_WRITTEN';
}

/** The request's document is written before its first message; until it is seen the message waits. */
class RequestNotRecorded extends Error {
  readonly code = 'REQUEST_NOT_RECORDED';
}

/**
 * Sends one message of a request to the portal's primary contact, to the requester in copy when that is another person,
 * writes into the audit log that it was sent (F2), and puts it on the support ticket (A7, C1). Composed once and kept before
 * it is sent; a second call sends the same message under the same Message-ID, or nothing when the server had taken it.
 * No mail ever goes to anyone else.
 */
export function makeSendMessage(deps: SendMessageDependencies): LifecycleActivities['sendMessage'] {
  const { stores, mail, settings } = deps;
  return async (given) => {
    const sequence = await stores.messages.place({ ...given, at: new Date(given.at) });
    const order = { ...given, sequence };
    const request = await stores.requests.get(order.request);
    if (request === null) throw new RequestNotRecorded('the request is not recorded yet');
    const { reply } = order.facts;
    if (order.kind === 'replyReceived' && reply !== undefined) {
      await putReplyOnTicket(stores, order.request, reply);
    }
    const known = await stores.messages.get(order.request, order.sequence);
    const portal =
      request.desk === null || request.desk.portal === null
        ? null
        : await deps.desk.portal(request.desk.portal);
    const report = await findReport(deps, order);
    const message = known ?? (await compose(deps, order, request, portal, report));
    if (message.state !== 'sent') {
      const outgoing: OutgoingMail = {
        to: message.to,
        cc: message.cc,
        subject: message.subject,
        text: message.text,
        html: message.html,
        messageId: message.messageId,
        references: [threadId(order.request, settings.messageDomain)],
        replyTo: replyToOf(settings, order, request),
        attachments:
          report === null || !report.attached
            ? []
            : [
                {
                  filename: `${order.request}-${report.name}.zip`,
                  path: await deps.storage.localPath(report.key),
                  contentType: 'application/zip',
                },
              ],
      };
      await mail.send(outgoing);
    }
    const sentAt = await stores.messages.markSent(order.request, order.sequence, new Date());
    await stores.audit.append({
      request: order.request,
      sequence: order.sequence,
      at: sentAt.getTime(),
      by: 'system',
      action: `mailed:${order.kind}`,
      reason: null,
      writer: 'mail',
    });
    if ((await stores.supportTickets.get(order.request)) !== null) {
      await putOnTicket(stores.supportTickets, message);
    }
  };
}

/** The request's state as the message tells it: with the phase 1 report the window opens (E1). */
function stateOf({ kind, state }: MessageOrder, request: RequestDocument): State {
  return kind === 'phase1Report' ? 'REPLY_WINDOW' : (state ?? request.state);
}

/** E1: from the phase 1 report until the end of the window answers go to the request itself. */
function replyToOf(
  { replyMailbox, teamMail, linkSecret }: SendMessageDependencies['settings'],
  order: MessageOrder,
  request: RequestDocument,
): string {
  const answered = stateOf(order, request) === 'REPLY_WINDOW';
  return replyMailbox !== null && answered ? replyAddress(linkSecret, order.request, replyMailbox) : teamMail;
}

interface FoundReport {
  name: string;
  key: string;
  bytes: number;
  attached: boolean;
  version: number;
}

async function findReport(deps: SendMessageDependencies, order: MessageOrder): Promise<FoundReport | null> {
  const named = order.facts.report;
  if (named === undefined) return null;
  const report = await deps.importStores.reports.find(order.request, named.name, named.version);
  if (report === null || report.bytes === null) throw new ReportNotWritten('the report is not written yet');
  const { storageKey: key, bytes } = report;
  return { ...named, key, bytes, attached: bytes <= deps.settings.largestAttachment };
}

async function compose(
  deps: SendMessageDependencies,
  order: MessageOrder,
  request: RequestDocument,
  portal: Portal | null,
  report: FoundReport | null,
) {
  const { settings } = deps;
  const { to, cc, name } = addressees(request, portal);
  const ticket = await deps.stores.supportTickets.get(order.request);
  const composed = composeMessage({
    ...factsOf(order, request),
    name,
    portal: portal?.name ?? null,
    ticket: ticket?.ticket ?? null,
    answersByMail: settings.replyMailbox !== null,
    support: settings.supportAddress,
    report: linkOf(settings, order, report),
  });
  return deps.stores.messages.compose({
    request: order.request,
    sequence: order.sequence,
    kind: order.kind,
    at: new Date(order.at),
    to,
    cc,
    ...composed,
    attachments:
      report?.attached === true ? [{ name: `${order.request}-${report.name}.zip`, bytes: report.bytes }] : [],
    messageId: `<${order.request}.${order.sequence}@${settings.messageDomain}>`,
  } satisfies ComposedMessage & Record<string, unknown>);
}

/** The primary contact receives all mail; a requester who is another person gets a copy (requirements: words). */
function addressees(
  request: RequestDocument,
  portal: Portal | null,
): { to: string[]; cc: string[]; name: string } {
  const requester = request.requester;
  const primary = portal?.primaryContact ?? null;
  if (primary === null) {
    if (requester === null)
      throw new RangeError('a request without requester and portal has nobody to write to');
    return { to: [requester.mail], cc: [], name: requester.name };
  }
  const same = requester === null || requester.mail.toLowerCase() === primary.mail.toLowerCase();
  return { to: [primary.mail], cc: same ? [] : [requester.mail], name: primary.name };
}

function linkOf(
  settings: SendMessageDependencies['settings'],
  order: MessageOrder,
  report: FoundReport | null,
): MessageFacts['report'] {
  if (report === null) return undefined;
  const { version } = report;
  if (report.attached) return { version, attached: true };
  const expiresAt = order.at + settings.linkLifetime;
  const path = signReportLink(settings.linkSecret, {
    request: order.request,
    name: report.name,
    version,
    expiresAt,
  });
  return { version, attached: false, link: `${settings.publicUrl}${path}`, expiresAt };
}

/** What the request's records and the order say. */
function factsOf(
  order: MessageOrder,
  request: RequestDocument,
): Omit<MessageFacts, 'name' | 'portal' | 'ticket'> {
  const { facts } = order;
  return {
    kind: order.kind,
    locale: request.requester?.locale ?? 'en',
    timeZone: request.requester?.timeZone ?? 'UTC',
    request: order.request,
    state: stateOf(order, request),
    system: request.source?.system ?? '-',
    phase: facts.phase,
    reason: facts.reason,
    reasonIsCode: facts.reasonIsCode,
    place: facts.place,
    expectedStart: facts.expectedStart,
    expectedEnd: facts.expectedEnd,
    windowEndsAt: facts.windowEndsAt ?? request.replyWindow?.endsAt.getTime(),
    paused: facts.paused,
    // the document may be a moment behind what was ordered
    expiresAt: facts.expiresAt ?? request.expiresAt?.getTime(),
    counts: facts.counts,
  };
}
