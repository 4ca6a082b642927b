import { createHash } from 'node:crypto';
import type { WarningCode } from '../domain/codes.ts';
import { departmentKey } from '../domain/complete-record.ts';
import { type AttachmentKind, attachmentBytes, CONTENT_TYPES } from './attachment-bytes.ts';
import { answerText, asHtml, noteText, questionText, subjectText } from './desk-texts.ts';
import { randomFor } from './random.ts';
import {
  authorWarnings,
  chainContactId,
  DEPARTED,
  ownerMail,
  ownerWarnings,
  productId,
  type SampleContact,
  sampleContact,
  timeText,
} from './sample-people.ts';
import {
  type AttachmentFile,
  type Breakage,
  doubledRow,
  type Fate,
  FILES,
  failedRow,
  malformedRow,
  mendedLater,
  type SampleFile,
  type SampleRow,
  soundRow,
  undecodableRow,
  type Values,
} from './sample-rows.ts';
import {
  BLOCK,
  COMPANY_DOMAIN,
  type Role,
  roleAt,
  type SampleAgent,
  type SampleWorld,
} from './sample-world.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2023, 0, 9);
const SPAN = 800 * 24 * HOUR;
const SUPPORT_MAIL = `support@${COMPANY_DOMAIN}`;
/** TOO_LARGE: a record over 16,000,000 bytes as stored (G). */
const TOO_LARGE_CHARACTERS = 16_050_000;
/** The one file that several attachments name. */
export const LOGO_PATH = 'attachments/signature/logo.png';

interface PlannedThread {
  id: string;
  direction: 'In' | 'Out';
  html: boolean;
  /** a picture of the signature, named by `cid:` and attached to the thread */
  logo: boolean;
}
interface PlannedAttachment {
  id: string;
  on: 'ticket' | 'thread' | 'comment';
  parent: string;
  kind: AttachmentKind;
  logo: boolean;
}

/** A ticket and what hangs from it, before any text is written. */
export interface TicketPlan {
  index: number;
  id: string;
  role: Role | null;
  block: number;
  contact: SampleContact;
  agent: SampleAgent;
  created: number;
  threads: readonly PlannedThread[];
  comments: readonly string[];
  attachments: readonly PlannedAttachment[];
}

const KINDS: readonly AttachmentKind[] = ['png', 'txt', 'pdf'];
const FILE_NAMES: Readonly<Record<AttachmentKind, readonly string[]>> = {
  png: ['screenshot.png', '写真 1.png'],
  txt: ['device.log', 'ログ.txt'],
  pdf: ['delivery-note.pdf', '納品書.pdf'],
};

/** Plans a ticket; indexes beyond the sample's are tickets that came after the export. */
export function planTicket(world: SampleWorld, index: number): TicketPlan {
  const random = randomFor(world.seed, 'ticket', index);
  const role = roleAt(world, index);
  const id = `T-${String(index + 1).padStart(6, '0')}`;
  const contact = sampleContact(world, random.int(world.contacts));
  const agent = random.pick(world.agents);
  const created = START + Math.floor((SPAN * index) / world.tickets) + random.int(HOUR);
  const alone = role === 'no-created-time';
  const chain = role === 'ticket-chain';
  const threads = Array.from(
    { length: alone ? 0 : chain ? 1 : 1 + random.int(5) },
    (_, number): PlannedThread => {
      const direction = number % 2 === 0 ? 'In' : 'Out';
      return {
        id: `TH-${index + 1}-${number + 1}`,
        direction,
        html: random.chance(0.6),
        logo: direction === 'Out' && random.chance(0.15),
      };
    },
  );
  const commentCount = alone || chain ? 0 : Math.max(random.int(4) - random.int(2), fewestComments(role));
  const comments = Array.from({ length: commentCount }, (_, number) => `CM-${index + 1}-${number + 1}`);
  return {
    index,
    id,
    role,
    block: Math.floor(index / BLOCK),
    contact,
    agent,
    created,
    threads,
    comments,
    attachments: planAttachments(world, index, id, chain, threads, comments),
  };
}

function fewestComments(role: Role | null): number {
  return role === 'author-unknown' || role === 'duplicate-id' || role === 'duplicate-row' ? 1 : 0;
}

function planAttachments(
  world: SampleWorld,
  index: number,
  ticket: string,
  chain: boolean,
  threads: readonly PlannedThread[],
  comments: readonly string[],
): PlannedAttachment[] {
  const random = randomFor(world.seed, 'attachments', index);
  const first = threads[0];
  if (first === undefined) return [];
  const planned: PlannedAttachment[] = [];
  const id = (): string => `AT-${index + 1}-${planned.length + 1}`;
  const count = chain ? 1 : random.pick([0, 0, 0, 1, 1, 1, 1, 2, 2, 3]);
  for (let number = 0; number < count; number++) {
    const dice = chain ? 0 : random.int(10);
    const comment = comments[0];
    const kind = random.pick(KINDS);
    if (dice < 6)
      planned.push({ id: id(), on: 'thread', parent: random.pick(threads).id, kind, logo: false });
    else if (dice < 8 && comment !== undefined) {
      planned.push({ id: id(), on: 'comment', parent: comment, kind, logo: false });
    } else planned.push({ id: id(), on: 'ticket', parent: ticket, kind, logo: false });
  }
  for (const thread of threads) {
    if (thread.logo) planned.push({ id: id(), on: 'thread', parent: thread.id, kind: 'png', logo: true });
  }
  return planned;
}

/** Of the records in a chain every second block's come right in phase 2, when the ticket (or its contact) is mended. */
function chainIsMended(plan: TicketPlan): boolean {
  return plan.block % 2 === 0;
}

/** Where a record hangs from a failed ticket: its fate; null where the ticket is sound. */
function fateOfChild(plan: TicketPlan, column: string, warnings: readonly WarningCode[]): Fate | null {
  if (plan.role !== 'ticket-chain') return null;
  return {
    code: 'PARENT_FAILED',
    column,
    why: `${plan.id} failed`,
    ...(chainIsMended(plan) ? { migratedLater: warnings } : {}),
  };
}

function ticketValues(world: SampleWorld, plan: TicketPlan): Record<string, string> {
  const random = randomFor(world.seed, 'ticket row', plan.index);
  const { contact, agent, role, created } = plan;
  const owner = ownerMail(world, random);
  const closed = random.chance(0.4);
  const done = created + (2 + random.int(200)) * HOUR;
  const opened = random.pick(['Open', 'On Hold', 'Escalated']);
  return {
    TicketExtId: plan.id,
    ContactExtId: contact.id,
    Subject: subjectText(random, contact.language),
    Description: random.chance(0.7) ? questionText(random, contact.language) : '',
    Email: contact.mail,
    Phone: random.chance(0.2) ? '03-5555-0101' : '',
    Status:
      role === 'status-added' ? random.pick(['返品待ち', 'Waiting for parts']) : closed ? 'Closed' : opened,
    Priority: random.pick(['High', 'Medium', 'Low', '']),
    Channel: random.pick(['Email', 'Web', 'Phone', 'Chat']),
    Classification: random.pick(['Question', 'Problem', '']),
    Category: random.pick(['ハードウェア', 'Billing', '']),
    'Sub Category': random.pick(['Printer', '']),
    ProductExtId: random.chance(0.4) ? productId(random.int(world.products)) : '',
    AccountExtId: contact.account,
    Department: role === 'department-unknown' ? '倉庫 (Warehouse)' : agent.department,
    'Assignee Name': role === 'owner-unknown' ? '元 担当者' : owner.name,
    'Assignee Email': role === 'owner-unknown' ? DEPARTED[0] : owner.mail,
    'Due Date': random.chance(0.3) ? timeText(random, created + 72 * HOUR) : '',
    'Created Time': role === 'no-created-time' ? '' : timeText(random, created),
    'Modified Time': timeText(random, done),
    'Closed Time': closed && role !== 'status-added' ? timeText(random, done) : '',
    Resolution: closed ? answerText(random, contact.language) : '',
    Tags: random.pick(['vip, 返品', 'urgent;hardware', 'beta', '']),
    CC: random.chance(0.2) ? '"Sato, Ken" <ken.sato@partner.example>; ops@partner.example' : '',
    'Legacy URL': `https://old-desk.example/agent/tickets/${plan.index + 1}`,
    Satisfaction: random.pick(['good', 'bad', '']),
  };
}

function ticketWarnings(world: SampleWorld, values: Values): WarningCode[] {
  const warnings = ownerWarnings(world, values['Assignee Email'] ?? '');
  if (!world.departments.has(departmentKey(values['Department'] ?? ''))) warnings.push('DEPARTMENT_FALLBACK');
  if (!world.statuses.has(values['Status'] ?? '')) warnings.push('STATUS_ADDED');
  if (values['Created Time'] === '') warnings.push('TIME_DEFAULTED');
  return warnings;
}

/** The file a ticket of the export stands in: the first half in one, the second in the other. */
function ticketFile(world: SampleWorld, index: number): SampleFile {
  return index < Math.ceil(world.tickets / 2) ? FILES.tickets1 : FILES.tickets2;
}

/** The row of one ticket. @param changes values that differ from those of the plan */
export function ticketRow(world: SampleWorld, plan: TicketPlan, changes: Values = {}): SampleRow {
  const file = ticketFile(world, plan.index);
  const values = { ...ticketValues(world, plan), ...changes };
  const warnings = ticketWarnings(world, values);
  return plan.role === 'ticket-chain'
    ? chainHead(file, plan, values, warnings)
    : soundRow(file, values, warnings);
}

function chainHead(
  file: SampleFile,
  plan: TicketPlan,
  values: Values,
  warnings: readonly WarningCode[],
): SampleRow {
  const mended = chainIsMended(plan) ? { mended: values, migratedLater: warnings } : {};
  const fail = (faulty: Values, fate: Fate): SampleRow =>
    failedRow(file, { ...values, ...faulty }, { ...fate, ...mended });
  switch (plan.block % 5) {
    case 0:
      return fail({ Subject: '' }, { code: 'MISSING_REQUIRED', column: 'Subject', why: 'empty' });
    case 1:
      return fail(
        { ContactExtId: `C-GONE-${plan.block}` },
        { code: 'MISSING_REFERENCE', column: 'ContactExtId', why: 'the contact it names is nowhere' },
      );
    case 2:
      return fail(
        { Status: 'Closed', 'Closed Time': new Date(plan.created - 48 * HOUR).toISOString() },
        { code: 'BAD_FORMAT', column: 'Closed Time', why: 'before the Created Time' },
      );
    case 3:
      return fail(
        { Subject: `${values['Subject']} ${'Fwd: '.repeat(200)}` },
        { code: 'TOO_LONG', column: 'Subject', why: 'over 1,000 characters' },
      );
    default: {
      const hanging = { ...values, ContactExtId: chainContactId(plan.block) };
      const fate: Fate = { code: 'PARENT_FAILED', column: 'ContactExtId', why: 'its contact failed' };
      const later = chainIsMended(plan) ? { migratedLater: warnings } : {};
      return failedRow(file, hanging, { ...fate, ...later });
    }
  }
}

/** @param half which of the two ticket files */
export function* ticketRows(world: SampleWorld, half: 1 | 2): Generator<SampleRow> {
  const middle = Math.ceil(world.tickets / 2);
  const [from, to] = half === 1 ? [0, middle] : [middle, world.tickets];
  for (let index = from; index < to; index++) {
    const plan = planTicket(world, index);
    yield ticketRow(world, plan);
    const file = ticketFile(world, index);
    if (plan.role === 'duplicate-id' && plan.block % 4 === 1) {
      // the first with this id may stand in the other file
      const first = firstSoundTicket(world, Math.floor(index / 2));
      const doubled = { ...ticketValues(world, planTicket(world, first)), Subject: 'Imported twice' };
      const mended = { ...doubled, TicketExtId: `${plan.id}-B` };
      yield failedRow(file, doubled, {
        code: 'DUPLICATE_ID',
        column: 'TicketExtId',
        why: 'a second ticket with an id already seen',
        mended,
        migratedLater: ticketWarnings(world, mended),
      });
    }
    if (plan.role === 'required' && plan.block % 3 === 1) {
      // C5: optional references count too
      const orphan = {
        ...ticketValues(world, plan),
        TicketExtId: `${plan.id}-P`,
        ProductExtId: 'P-DISCONTINUED',
      };
      const why = 'the product it names is nowhere';
      yield failedRow(file, orphan, { code: 'MISSING_REFERENCE', column: 'ProductExtId', why });
    }
    if (plan.role === 'malformed' && plan.block % 5 === 3) {
      const values = {
        ...ticketValues(world, plan),
        TicketExtId: `${plan.id}-X`,
        Description: '',
        Resolution: '',
        Subject: 'Two',
      };
      yield malformedRow(file, values, 'Subject', 'field too many');
    }
  }
}

function firstSoundTicket(world: SampleWorld, from: number): number {
  let index = from;
  while (roleAt(world, index) !== null) index++;
  return index;
}

function threadValues(
  world: SampleWorld,
  plan: TicketPlan,
  thread: PlannedThread,
  number: number,
): Record<string, string> {
  const random = randomFor(world.seed, 'thread row', thread.id);
  const { contact, agent } = plan;
  const incoming = thread.direction === 'In';
  const customer = contact.mail === '' ? `walk-in.${plan.index + 1}@customers.example` : contact.mail;
  const sent = plan.created + number * 3 * HOUR + random.int(HOUR);
  const text = incoming ? questionText(random, contact.language) : answerText(random, contact.language);
  const signature = incoming
    ? `${contact.last} ${contact.first}`
    : `${agent.last} ${agent.first}, Harbour Tools`;
  const from = incoming
    ? `"${contact.last}, ${contact.first}" <${customer}>`
    : `Harbour Tools <${SUPPORT_MAIL}>`;
  const empty = incoming && random.chance(0.02);
  return {
    ThreadExtId: thread.id,
    TicketExtId: plan.id,
    // the literal NULL stands for an empty message
    Content: empty
      ? 'NULL'
      : thread.html || thread.logo
        ? asHtml(text, signature, images(world, thread))
        : `${text}\n\n-- \n${signature}`,
    'Send Date Time': timeText(random, sent),
    'Received Time': timeText(random, sent + 60_000 + random.int(120_000)),
    'Sender Email': incoming ? customer : SUPPORT_MAIL,
    Direction: random.chance(0.1) ? thread.direction.toLowerCase() : thread.direction,
    'Is Private': random.pick(['false', 'false', 'false', 'no', '0', incoming ? 'false' : 'true']),
    'From Email Address': from,
    To: incoming ? SUPPORT_MAIL : customer,
    CC: random.chance(0.15) ? 'purchasing@partner.example, "工場長" <plant@partner.example>' : '',
    BCC: !incoming && random.chance(0.1) ? `archive@${COMPANY_DOMAIN}` : '',
    Channel: random.pick(['Email', 'Email', 'Web', 'Chat']),
    'Author Email': incoming ? contact.mail : agent.mail,
  };
}

function images(world: SampleWorld, thread: PlannedThread): string {
  if (thread.logo) return '\n<img src="cid:logo.png" alt="Harbour Tools">';
  const random = randomFor(world.seed, 'inline picture', thread.id);
  if (!random.chance(0.1)) return '';
  return `\n<img alt="" src="data:image/png;base64,${attachmentBytes('png', random).toString('base64')}">`;
}

function threadWarnings(world: SampleWorld, plan: TicketPlan, values: Values): WarningCode[] {
  return authorWarnings(world, values['Author Email'] ?? '', values['Author Email'] === plan.contact.mail);
}

/** The rows of a ticket's own threads. */
export function* threadsOf(world: SampleWorld, plan: TicketPlan): Generator<SampleRow> {
  for (const [number, thread] of plan.threads.entries()) {
    const values = threadValues(world, plan, thread, number);
    const warnings = threadWarnings(world, plan, values);
    const fate = fateOfChild(plan, 'TicketExtId', warnings);
    if (fate === null) yield soundRow(FILES.threads, values, warnings);
    else {
      // the customer sends the thread back untouched, beside the mended ticket
      yield failedRow(FILES.threads, values, chainIsMended(plan) ? { ...fate, mended: values } : fate);
    }
  }
}

/** One more thread on a ticket, under an id of its own. */
export function extraThread(
  world: SampleWorld,
  plan: TicketPlan,
  id: string,
  changes: Values = {},
): SampleRow {
  const values = { ...extraThreadValues(world, plan, id), ...changes };
  return soundRow(FILES.threads, values, threadWarnings(world, plan, values));
}

function extraThreadValues(world: SampleWorld, plan: TicketPlan, id: string): Record<string, string> {
  return threadValues(world, plan, { id, direction: 'In', html: false, logo: false }, 6);
}

const THREAD_FAULTS: readonly { column: string; text: string; why: string }[] = [
  { column: 'Direction', text: 'Inbound', why: 'neither In nor Out' },
  { column: 'Send Date Time', text: '2024-02-30T10:00:00.000Z', why: 'no such day' },
  { column: 'Sender Email', text: 'customer at example', why: 'no mail address' },
  { column: 'Is Private', text: 'maybe', why: 'no boolean' },
];

export function* threadRows(world: SampleWorld): Generator<SampleRow> {
  for (let index = 0; index < world.tickets; index++) {
    const plan = planTicket(world, index);
    const own = [...threadsOf(world, plan)];
    yield* own;
    yield* faultyThreads(world, plan, own[0]);
    if (world.tooLarge && index === tooLargeTicket(world)) yield tooLargeThread(world, plan);
  }
}

function* faultyThreads(
  world: SampleWorld,
  plan: TicketPlan,
  first: SampleRow | undefined,
): Generator<SampleRow> {
  const { block, role } = plan;
  const values = extraThreadValues(world, plan, `TH-X${plan.index + 1}`);
  const warnings = threadWarnings(world, plan, values);
  if (role === 'thread-format') {
    const { column, text, why } = THREAD_FAULTS[
      block % THREAD_FAULTS.length
    ] as (typeof THREAD_FAULTS)[number];
    const later = block % 2 === 1 ? { mended: values, migratedLater: warnings } : {};
    yield failedRow(
      FILES.threads,
      { ...values, [column]: text },
      { code: 'BAD_FORMAT', column, why, ...later },
    );
  } else if (role === 'too-long' && block % 2 === 1) {
    // C5: format comes before length, although its column stands to the right
    const why = 'no list of mail addresses; the sender is too long as well';
    const both = { 'From Email Address': `"${'Sales '.repeat(60)}" <sales@partner.example>`, To: 'everyone' };
    yield failedRow(FILES.threads, { ...values, ...both }, { code: 'BAD_FORMAT', column: 'To', why });
  } else if (role === 'malformed' && block % 5 === 1) {
    yield malformedRow(FILES.threads, { ...values, Content: 'One line.' }, 'Content', 'field missing');
  } else if (role === 'encoding' && block % 3 === 2) {
    // 文字化け as CP932 writes it
    yield undecodableRow(
      FILES.threads,
      values,
      'Content',
      Buffer.from([0x95, 0xb6, 0x8e, 0x9a, 0x89, 0xbb, 0x82, 0xaf]),
    );
  } else if (role === 'duplicate-id' && block % 4 === 0 && first !== undefined) {
    const doubled = {
      ...values,
      ThreadExtId: first.externalId ?? '',
      Content: 'The same id, another message.',
    };
    const fate: Fate = {
      code: 'DUPLICATE_ID',
      column: 'ThreadExtId',
      why: 'a second thread with an id already seen',
    };
    yield failedRow(FILES.threads, doubled, fate);
  } else if (role === 'duplicate-row' && block % 3 === 0 && first !== undefined) yield doubledRow(first);
}

function tooLargeTicket(world: SampleWorld): number {
  return firstSoundTicket(world, Math.floor(world.tickets / 3));
}

function tooLargeThread(world: SampleWorld, plan: TicketPlan): SampleRow {
  const content = pastedLog(TOO_LARGE_CHARACTERS);
  const values = { ...extraThreadValues(world, plan, `TH-L${plan.index + 1}`), Content: content };
  return failedRow(FILES.threads, values, { code: 'TOO_LARGE', column: null, why: 'over 16,000,000 bytes' });
}

/** A log on one line, neither quoted nor so even that its ZIP would be taken for a bomb. */
function pastedLog(characters: number): string {
  const parts: string[] = [];
  for (let length = 0, number = 0; length < characters; number++) {
    const part = `${number} sensor=${Math.imul(number, 2_654_435_761) >>> 0} state=${number % 7 === 0 ? 'late' : 'ok'} | `;
    parts.push(part);
    length += part.length;
  }
  return parts.join('');
}

function commentValues(
  world: SampleWorld,
  plan: TicketPlan,
  id: string,
  number: number,
): Record<string, string> {
  const random = randomFor(world.seed, 'comment row', id);
  const { contact, agent, role } = plan;
  const dice = random.int(20);
  const gone = role === 'author-unknown' && number === 0;
  const byContact = !gone && dice < 3 && contact.mail !== '';
  const nobody = !gone && dice === 19;
  const html = random.chance(0.3);
  const text = noteText(random, contact.language);
  const time = plan.created + (1 + number * 5) * HOUR + random.int(HOUR);
  const person = byContact ? contact : agent;
  return {
    CommentExtId: id,
    TicketExtId: plan.id,
    // a replacement character may be the source's own
    Content: html
      ? asHtml(text, person.last)
      : random.chance(0.05)
        ? `${text} (文字化け: \uFFFD\uFFFD)`
        : text,
    'Content Type': html ? 'html' : 'plainText',
    'Is Public': random.pick(['false', 'true', 'no', 'yes']),
    'Commenter Name': nobody ? '' : gone ? 'Taro Former' : `${person.last} ${person.first}`,
    'Commenter Email': nobody ? '' : gone ? DEPARTED[0] : person.mail,
    'Commented Time': timeText(random, time),
    'Modified Time': timeText(random, time + HOUR),
  };
}

function commentRow(world: SampleWorld, plan: TicketPlan, values: Values): SampleRow {
  const author = values['Commenter Email'] ?? '';
  return soundRow(FILES.comments, values, authorWarnings(world, author, author === plan.contact.mail));
}

/** The rows of a ticket's own comments. */
export function* commentsOf(world: SampleWorld, plan: TicketPlan): Generator<SampleRow> {
  for (const [number, id] of plan.comments.entries()) {
    yield commentRow(world, plan, commentValues(world, plan, id, number));
  }
}

/** One more comment on a ticket, without its content. */
export function emptyComment(world: SampleWorld, plan: TicketPlan, id: string): SampleRow {
  const values = { ...commentValues(world, plan, id, 4), Content: '' };
  return failedRow(FILES.comments, values, { code: 'MISSING_REQUIRED', column: 'Content', why: 'empty' });
}

/** The ticket that a lost comment names: in no file of the export; every second one comes in phase 2. */
export function lostTicketId(block: number): string {
  return `T-LOST-${block}`;
}
export function lostTicketComes(block: number): boolean {
  return block % 2 === 0;
}

export function* commentRows(world: SampleWorld): Generator<SampleRow> {
  for (let index = 0; index < world.tickets; index++) {
    const plan = planTicket(world, index);
    const own = [...commentsOf(world, plan)];
    yield* own;
    yield* faultyComments(world, plan, own[0]);
  }
}

function* faultyComments(
  world: SampleWorld,
  plan: TicketPlan,
  first: SampleRow | undefined,
): Generator<SampleRow> {
  const { block, role } = plan;
  if (role === null) return;
  const values = {
    ...commentValues(world, plan, `CM-X${plan.index + 1}`, 4),
    Content: 'Noted.',
    'Content Type': 'plainText',
  };
  const { outcome } = commentRow(world, plan, values);
  const warnings = outcome.result === 'created' ? outcome.warnings : [];
  if (role === 'comment-orphan') {
    const why = 'the ticket it names is nowhere';
    const orphan = { ...values, TicketExtId: lostTicketId(block) };
    const later = lostTicketComes(block) ? { migratedLater: warnings } : {};
    yield failedRow(FILES.comments, orphan, {
      code: 'MISSING_REFERENCE',
      column: 'TicketExtId',
      why,
      ...later,
    });
  } else if (role === 'malformed' && (block % 5 === 0 || block % 5 === 4)) {
    const breakage: Breakage = block % 5 === 0 ? 'stray quote' : 'quote not closed';
    const row = malformedRow(FILES.comments, values, 'Content', breakage);
    yield block % 2 === 0 ? mendedLater(row, warnings) : row;
  } else if (role === 'encoding' && block % 3 === 0) {
    // 連絡済み as CP932 writes it
    const foreign = Buffer.from([0x98, 0x41, 0x97, 0x8d, 0x8d, 0xcf, 0x82, 0xdd]);
    yield undecodableRow(FILES.comments, values, 'Content', foreign);
  } else if (role === 'duplicate-id' && block % 4 === 3 && first !== undefined) {
    const doubled = {
      ...values,
      CommentExtId: first.externalId ?? '',
      Content: 'The same id, another note.',
    };
    yield failedRow(FILES.comments, doubled, {
      code: 'DUPLICATE_ID',
      column: 'CommentExtId',
      why: 'a second comment with an id already seen',
      mended: values,
      migratedLater: warnings,
    });
  } else if (role === 'duplicate-row' && block % 3 === 2 && first !== undefined) yield doubledRow(first);
}

/** The rows of a ticket's own attachments, with the files they name. */
export function* attachmentsOf(world: SampleWorld, plan: TicketPlan): Generator<SampleRow> {
  for (const attachment of plan.attachments) {
    const { values, file } = attachmentValues(world, plan, attachment);
    const warnings = uploaderWarnings(world, plan, values);
    const fate = fateOfChild(plan, 'ThreadExtId', warnings);
    const row =
      fate === null
        ? soundRow(FILES.attachments, values, warnings)
        : failedRow(FILES.attachments, values, fate);
    yield { ...row, attachment: file };
  }
}

export function* attachmentRows(world: SampleWorld): Generator<SampleRow> {
  for (let index = 0; index < world.tickets; index++) {
    const plan = planTicket(world, index);
    yield* attachmentsOf(world, plan);
    yield* faultyAttachments(world, plan);
  }
}

function* faultyAttachments(world: SampleWorld, plan: TicketPlan): Generator<SampleRow> {
  const { block, role } = plan;
  const thread = plan.threads[0];
  if ((role !== 'file-missing' && role !== 'checksum') || thread === undefined) return;
  const { values, file } = attachmentValues(world, plan, {
    id: `AT-X${plan.index + 1}`,
    on: 'thread',
    parent: thread.id,
    kind: 'pdf',
    logo: false,
  });
  const migratedLater = uploaderWarnings(world, plan, values);
  if (role === 'file-missing') {
    const fate: Fate = { code: 'FILE_MISSING', column: 'File Path', why: 'not in the ZIP' };
    const row = failedRow(
      FILES.attachments,
      values,
      block % 2 === 0 ? { ...fate, mended: values, migratedLater } : fate,
    );
    yield withFileLater(row, file);
  } else {
    const fate: Fate = { code: 'CHECKSUM_MISMATCH', column: 'SHA256', why: 'the SHA-256 of other bytes' };
    const wrong = { ...values, SHA256: createHash('sha256').update(plan.id).digest('hex') };
    const row = failedRow(
      FILES.attachments,
      wrong,
      block % 2 === 1 ? { ...fate, mended: values, migratedLater } : fate,
    );
    yield { ...withFileLater(row, file), attachment: file };
  }
}

function withFileLater(row: SampleRow, file: AttachmentFile): SampleRow {
  if (row.second === null || row.second.reply === null) return row;
  return { ...row, second: { ...row.second, attachment: file } };
}

function uploaderWarnings(world: SampleWorld, plan: TicketPlan, values: Values): WarningCode[] {
  const uploader = values['Uploader Email'] ?? '';
  return authorWarnings(world, uploader, uploader === plan.contact.mail);
}

function attachmentValues(
  world: SampleWorld,
  plan: TicketPlan,
  attachment: PlannedAttachment,
): { values: Record<string, string>; file: AttachmentFile } {
  const random = randomFor(world.seed, 'attachment row', attachment.id);
  const name = attachment.logo ? 'logo.png' : random.pick(FILE_NAMES[attachment.kind]);
  const file: AttachmentFile = attachment.logo
    ? { path: LOGO_PATH, bytes: () => attachmentBytes('png', randomFor(world.seed, 'logo')) }
    : {
        path: `attachments/${plan.id}/${attachment.id}/${name}`,
        bytes: () => attachmentBytes(attachment.kind, randomFor(world.seed, 'attachment', attachment.id)),
      };
  const bytes = file.bytes();
  const onThread = attachment.on === 'thread';
  const chain = plan.role === 'ticket-chain';
  const values = {
    AttachmentExtId: attachment.id,
    TicketExtId: attachment.on === 'ticket' || (onThread && !chain && random.chance(0.5)) ? plan.id : '',
    ThreadExtId: onThread ? attachment.parent : '',
    CommentExtId: attachment.on === 'comment' ? attachment.parent : '',
    'File Name': name,
    'File Path': file.path,
    'Content Type': CONTENT_TYPES[attachment.kind],
    Size: String(bytes.length),
    SHA256: createHash('sha256').update(bytes).digest('hex'),
    'Is Public': random.pick(['true', 'false']),
    'Uploader Email': random.chance(0.5) ? plan.contact.mail : plan.agent.mail,
    'Created Time': timeText(random, plan.created + HOUR),
  };
  return { values, file };
}
