import type { WarningCode } from '../domain/codes.ts';
import { COMPANIES, INDUSTRIES, type Language, PRODUCTS, personName } from './desk-texts.ts';
import { type Random, randomFor } from './random.ts';
import {
  doubledRow,
  FILES,
  failedRow,
  malformedRow,
  mendedLater,
  type SampleRow,
  soundRow,
  undecodableRow,
  type Values,
} from './sample-rows.ts';
import { BLOCK, COMPANY_DOMAIN, roleAt, type SampleAgent, type SampleWorld } from './sample-world.ts';

const START = Date.UTC(2021, 3, 1);
const DAY = 86_400_000;

/** Mail addresses of agents who have left: in no file and in no portal. */
export const DEPARTED = [`taro.former@${COMPANY_DOMAIN}`, `temp.desk@${COMPANY_DOMAIN}`] as const;

/** A time as exports write it: nearly always in the prepared form, now and then in another that is accepted. */
export function timeText(random: Random, time: number): string {
  const iso = new Date(time).toISOString();
  switch (random.int(40)) {
    case 0:
      return `${iso.slice(0, 10).replaceAll('-', '/')} ${iso.slice(11, 16)}`;
    case 1:
      return `${new Date(time + 9 * 3_600_000).toISOString().slice(0, 19)}+09:00`;
    case 2:
      return iso.slice(0, 19).replaceAll('-', '.');
    default:
      return iso;
  }
}

/** The mail of whoever owns a record: mostly an active agent's, sometimes written otherwise, unknown, inactive or empty (C3). */
export function ownerMail(world: SampleWorld, random: Random): { mail: string; name: string } {
  const dice = random.int(100);
  if (dice < 8) return { mail: '', name: '' };
  if (dice < 11) return { mail: random.pick(DEPARTED), name: 'Former Agent' };
  const agent: SampleAgent = random.pick(world.agents);
  const name = `${agent.last} ${agent.first}`;
  if (dice < 15) return { mail: ` ${agent.mail.toUpperCase()} `, name };
  return { mail: agent.mail, name };
}

/** C3: a named owner who is no active agent brings OWNER_FALLBACK. */
export function ownerWarnings(world: SampleWorld, mail: string): WarningCode[] {
  return mail.trim() === '' || world.hasActiveAgent(mail) ? [] : ['OWNER_FALLBACK'];
}

/** C3: an author who is neither an active agent nor a contact brings AUTHOR_FALLBACK. */
export function authorWarnings(world: SampleWorld, mail: string, isContact: boolean): WarningCode[] {
  return mail.trim() === '' || isContact || world.hasActiveAgent(mail) ? [] : ['AUTHOR_FALLBACK'];
}

export function* agentRows(world: SampleWorld): Generator<SampleRow> {
  for (const [index, agent] of world.agents.entries()) {
    const row = soundRow(FILES.agents, {
      AgentExtId: agent.id,
      'Last Name': agent.last,
      'First Name': agent.first,
      'Full Name': `${agent.last} ${agent.first}`,
      Email: index === 5 ? agent.mail.toUpperCase() : agent.mail,
      Department: agent.department,
      Status: agent.active ? 'active' : 'Inactive',
      Role: agent.role,
    });
    // C3: an agent whose mail is in the portal is mapped to the one there
    yield world.inPortal.has(agent.mail) ? { ...row, outcome: { result: 'unchanged', warnings: [] } } : row;
  }
  if (world.tickets >= BLOCK) {
    const values = { AgentExtId: 'AG-900', 'Last Name': '山本', Department: 'Sales', Status: 'active' };
    yield failedRow(
      FILES.agents,
      { ...values, Email: 'yamamoto.at.harbour-tools.example' },
      { code: 'BAD_FORMAT', column: 'Email', why: 'no mail address' },
    );
  }
}

/** External ids need not be tame: any printable character may stand in them. */
function accountId(index: number): string {
  return index % 7 === 2 ? `ACC/東京/${index}` : `ACC-${index}`;
}

export function* accountRows(world: SampleWorld): Generator<SampleRow> {
  for (let index = 0; index < world.accounts; index++) {
    const random = randomFor(world.seed, 'account', index);
    const company = COMPANIES[index % COMPANIES.length] as string;
    const owner = ownerMail(world, random).mail;
    const created = START + random.int(400) * DAY + random.int(DAY);
    const values = {
      account_ext_id: accountId(index),
      'ACCOUNT NAME': index < COMPANIES.length ? company : `${company} ${index}`,
      phone: `03-${1000 + random.int(9000)}-${1000 + random.int(9000)}`,
      email: `info@customer${index}.example`,
      website: `https://www.customer${index}.example/`,
      industry: random.pick(INDUSTRIES),
      street: random.pick(['港区海岸 1-2-3, 4F', '12 Quay Street', 'Am Hafen 7']),
      city: random.pick(['東京', 'Bristol', 'Hamburg']),
      country: random.pick(['日本', 'United Kingdom', 'Germany']),
      code: random.pick(['105-0022', 'BS1 4RW', '20457']),
      'annual-revenue': random.chance(0.5) ? String(random.int(90_000_000)) : '',
      description: random.chance(0.3) ? 'Key account.\nPays within 30 days, "always".' : '',
      owner_email: owner,
      created_time: timeText(random, created),
      modified_time: timeText(random, created + random.int(300) * DAY),
    };
    yield soundRow(FILES.accounts, values, ownerWarnings(world, owner));
    if (index % 40 === 7) {
      yield failedRow(
        FILES.accounts,
        { ...values, account_ext_id: `ACC-X${index}`, phone: '+81-3-1234-5678 (extension 1234)' },
        { code: 'TOO_LONG', column: 'phone', why: 'over 30 characters' },
      );
    }
  }
}

export interface SampleContact {
  id: string;
  language: Language;
  first: string;
  last: string;
  /** empty when the source knows none */
  mail: string;
  account: string;
}

/** A sound contact of the sample. Every 17th shares a mail with the one before it: doubles within the source stay (C9). */
export function sampleContact(world: SampleWorld, index: number): SampleContact {
  const random = randomFor(world.seed, 'contact', index);
  const language: Language = random.chance(0.55) ? 'ja' : 'en';
  const name = personName(language, random.int(500));
  const account = random.chance(0.2) ? null : random.int(world.accounts);
  return {
    id: `C-${index + 1}`,
    language,
    first: name.first,
    last: name.last,
    mail: index % 17 === 16 ? sharedMail(index - 1) : mailOf(index, name.plain),
    account: account === null ? '' : accountId(account),
  };
}

function mailOf(index: number, plain: string): string {
  if (index % 17 === 15) return sharedMail(index);
  return index % 23 === 22 ? '' : `${plain}.${index + 1}@customers.example`;
}
function sharedMail(index: number): string {
  return `office.${index + 1}@customers.example`;
}

function contactRow(world: SampleWorld, index: number): { row: SampleRow; values: Values } {
  const random = randomFor(world.seed, 'contact row', index);
  const contact = sampleContact(world, index);
  const owner = ownerMail(world, random).mail;
  const created = START + random.int(500) * DAY + random.int(DAY);
  const values = {
    ContactExtId: contact.id,
    'First Name': contact.first,
    'Last Name': contact.last,
    AccountExtId: contact.account,
    Email: contact.mail,
    Phone: random.chance(0.6) ? `+81 90 ${1000 + random.int(9000)} ${1000 + random.int(9000)}` : '',
    Title: random.pick(['', '総務部 主任', 'Head of Purchasing', 'Owner']),
    City: random.pick(['大阪', 'Leeds', '']),
    Country: random.pick(['日本', 'United Kingdom', '']),
    Description: random.chance(0.2) ? 'Prefers calls,\nspeaks "a little" Japanese' : '',
    'Owner Email': owner,
    'Created Time': timeText(random, created),
    'Modified Time': timeText(random, created + random.int(200) * DAY),
    Newsletter: random.pick(['yes', 'no', '']),
  };
  return { row: soundRow(FILES.contacts, values, ownerWarnings(world, owner)), values };
}

/** The contact a ticket chain hangs from when the contact itself is at fault. */
export function chainContactId(block: number): string {
  return `C-CHAIN-${block}`;
}

export function* contactRows(world: SampleWorld): Generator<SampleRow> {
  let index = 0;
  for (let ticket = 0; ticket < world.tickets; ticket++) {
    const upTo = Math.ceil(((ticket + 1) * world.contacts) / world.tickets);
    while (index < upTo) yield contactRow(world, index++).row;
    yield* faultyContacts(world, ticket, index - 1);
  }
}

/** Contacts beyond the sound ones that come with a ticket's role; none of them has tickets but the chain's. */
function* faultyContacts(world: SampleWorld, ticket: number, last: number): Generator<SampleRow> {
  const role = roleAt(world, ticket);
  if (role === null) return;
  const block = Math.floor(ticket / BLOCK);
  const { row, values: lastValues } = contactRow(world, last);
  const values: Values = {
    ...lastValues,
    ContactExtId: `C-X${ticket}`,
    Email: `x${ticket}@customers.example`,
    Description: '',
  };
  const warnings = row.outcome.result === 'created' ? row.outcome.warnings : [];
  if (role === 'required' && block % 3 !== 1) yield requiredFault(values, block, warnings);
  else if (role === 'too-long' && block % 2 === 0) yield tooLongFault(values, warnings);
  else if (role === 'ticket-chain' && block % 5 === 4) {
    const chain = { ...values, ContactExtId: chainContactId(block) };
    const why = 'no mail address; its ticket hangs from it';
    yield failedRow(
      FILES.contacts,
      { ...chain, Email: 'info@' },
      {
        code: 'BAD_FORMAT',
        column: 'Email',
        why,
        ...(block % 2 === 0 ? { mended: chain, migratedLater: warnings } : {}),
      },
    );
  } else if (role === 'malformed' && block % 5 === 2) {
    const broken = malformedRow(FILES.contacts, values, 'Title', 'text after a quote');
    yield block % 2 === 0 ? mendedLater(broken, warnings) : broken;
  } else if (role === 'encoding' && block % 3 === 1) {
    // "José" as Windows-1252 writes it
    const jose = { ...values, 'First Name': 'José' };
    yield mendedLater(
      undecodableRow(FILES.contacts, jose, 'First Name', Buffer.from('José', 'latin1')),
      warnings,
    );
  } else if (role === 'duplicate-id' && block % 4 === 2) {
    const why = 'a second contact with an id already seen';
    yield failedRow(
      FILES.contacts,
      { ...lastValues, 'Last Name': 'Doppel' },
      { code: 'DUPLICATE_ID', column: 'ContactExtId', why },
    );
  } else if (role === 'duplicate-row' && block % 3 === 1) yield doubledRow(row);
}

function requiredFault(values: Values, block: number, warnings: readonly WarningCode[]): SampleRow {
  const mended = { ...values, 'Last Name': '未登録' };
  // C5: required comes before format
  const both = block % 3 === 2 ? { Email: 'n/a' } : {};
  return failedRow(
    FILES.contacts,
    { ...values, ...both, 'Last Name': '' },
    { code: 'MISSING_REQUIRED', column: 'Last Name', why: 'empty', mended, migratedLater: warnings },
  );
}

function tooLongFault(values: Values, warnings: readonly WarningCode[]): SampleRow {
  const long = { ...values, 'First Name': 'Maximiliane Elisabeth Wilhelmine Theresia' };
  const mended = { ...values, 'First Name': 'Maximiliane' };
  const why = 'over 40 characters';
  return failedRow(FILES.contacts, long, {
    code: 'TOO_LONG',
    column: 'First Name',
    why,
    mended,
    migratedLater: warnings,
  });
}

export function productId(index: number): string {
  return index === 3 ? 'P/100%' : `P-${index + 1}`;
}

export function* productRows(world: SampleWorld): Generator<SampleRow> {
  for (let index = 0; index < world.products; index++) {
    const random = randomFor(world.seed, 'product', index);
    const name = PRODUCTS[index % PRODUCTS.length] as string;
    const owner = ownerMail(world, random).mail;
    const created = START + random.int(300) * DAY;
    const values = {
      ProductExtId: productId(index),
      'Product Name': index < PRODUCTS.length ? name : `${name} (${index})`,
      'Product Code': `HT-${1000 + index}`,
      Department: random.pick(world.agents).department,
      'Unit Price': random.pick(['12800', '49.90', '0', '']),
      Manufacturer: random.pick(['Harbour Tools', '北斗電子']),
      'Product Category': random.pick(['計測', 'Office', 'Network']),
      Description: random.chance(0.5) ? 'Order unit: 1; delivery in 3 days.\n保証 2 年' : '',
      'Owner Email': owner,
      'Created Time': timeText(random, created),
      'Modified Time': timeText(random, created + DAY),
    };
    yield soundRow(FILES.products, values, ownerWarnings(world, owner));
    if (index % 30 === 25) {
      yield failedRow(
        FILES.products,
        { ...values, ProductExtId: `P-X${index}`, 'Unit Price': '12,50 EUR' },
        { code: 'BAD_FORMAT', column: 'Unit Price', why: 'no number' },
      );
    }
  }
}
