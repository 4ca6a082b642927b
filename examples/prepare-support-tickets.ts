import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { parse } from 'csv-parse';
import { csvLine, writeFileFrom } from './write-export.ts';

/** What was written. */
export interface PreparedTickets {
  /** paths of the prepared files */
  files: { contacts: string; products: string; tickets: string };
  contacts: number;
  products: number;
  tickets: number;
}

export class SupportTicketsError extends Error {
  readonly code = 'NOT_A_SUPPORT_TICKET_FILE';
  constructor(message: string) {
    super(message);
    this.name = 'SupportTicketsError';
  }
}

/** Columns of the flat file that become fields; the others are kept under their own names, as custom fields. */
const FIELDS = [
  'Ticket ID',
  'Customer Name',
  'Customer Email',
  'Product Purchased',
  'Ticket Type',
  'Ticket Subject',
  'Ticket Description',
  'Ticket Status',
  'Resolution',
  'Ticket Priority',
  'Ticket Channel',
  'First Response Time',
  'Time to Resolution',
] as const;
type Field = (typeof FIELDS)[number];
type Flat = Record<Field, string>;

const TICKET_HEADER = [
  'TicketExtId',
  'ContactExtId',
  'Subject',
  'Description',
  'Email',
  'Status',
  'Priority',
  'Channel',
  'Classification',
  'ProductExtId',
  'Created Time',
  'Closed Time',
  'Resolution',
] as const;
/** These say more than the times made of them, so they are kept as they are as well. */
const KEPT_TIMES = ['First Response Time', 'Time to Resolution'] as const;

/**
 * Makes prepared files (docs/formats.md) of a flat ticket list that carries the customer's name and mail and the product's
 * name on every row: a contact per distinct mail, the first row's values winning (A10), a product per distinct name, a
 * ticket per row. Ids of contacts come from the mail, those of products from the name, so that a later list gives the same.
 * The list has no creation times: the earliest moment that a row names stands for it, and where it names none the
 * column stays empty (TIME_DEFAULTED). Texts stay as they are, placeholders included. One row is held at a time, and of
 * contacts and products the ids.
 * @param source path of the flat CSV file
 * @param folder where Contacts.csv, Products.csv and Tickets.csv go; made when absent
 * @throws SupportTicketsError when the file lacks a column it needs; csv-parse's error when it is no CSV
 */
export async function prepareSupportTickets(source: string, folder: string): Promise<PreparedTickets> {
  await mkdir(folder, { recursive: true });
  const files = {
    contacts: path.join(folder, 'Contacts.csv'),
    products: path.join(folder, 'Products.csv'),
    tickets: path.join(folder, 'Tickets.csv'),
  };
  const contacts = await writeFileCounted(files.contacts, contactLines(source));
  const products = await writeFileCounted(files.products, productLines(source));
  const tickets = await writeFileCounted(files.tickets, ticketLines(source));
  return { files, contacts, products, tickets };
}

/** Writes lines, the first of which is the header. @returns how many records there are */
async function writeFileCounted(file: string, lines: AsyncIterable<readonly string[]>): Promise<number> {
  let records = -1;
  async function* chunks(): AsyncGenerator<Buffer> {
    let text = '';
    for await (const cells of lines) {
      records += 1;
      text += `${csvLine(cells, ',')}\n`;
      if (text.length < 64 * 1024) continue;
      yield Buffer.from(text);
      text = '';
    }
    yield Buffer.from(text);
  }
  await writeFileFrom(file, chunks());
  return Math.max(0, records);
}

async function* contactLines(source: string): AsyncGenerator<readonly string[]> {
  yield ['ContactExtId', 'First Name', 'Last Name', 'Email'];
  const seen = new Set<string>();
  for await (const { fields } of flatRows(source)) {
    const id = contactId(fields['Customer Email']);
    if (seen.has(id)) continue;
    seen.add(id);
    const { first, last } = splitName(fields['Customer Name']);
    yield [id, first, last, fields['Customer Email']];
  }
}

async function* productLines(source: string): AsyncGenerator<readonly string[]> {
  yield ['ProductExtId', 'Product Name'];
  const seen = new Set<string>();
  for await (const { fields } of flatRows(source)) {
    const name = fields['Product Purchased'];
    const id = productId(name);
    if (name === '' || seen.has(id)) continue;
    seen.add(id);
    yield [id, name];
  }
}

async function* ticketLines(source: string): AsyncGenerator<readonly string[]> {
  let headed = false;
  for await (const { fields, custom } of flatRows(source)) {
    if (!headed) yield [...TICKET_HEADER, ...KEPT_TIMES, ...custom.keys()];
    headed = true;
    const answered = preparedTime(fields['First Response Time']);
    const resolved = preparedTime(fields['Time to Resolution']);
    const [earliest = ''] = [answered, resolved].filter((time) => time !== '').toSorted();
    const product = fields['Product Purchased'];
    yield [
      fields['Ticket ID'],
      contactId(fields['Customer Email']),
      fields['Ticket Subject'],
      fields['Ticket Description'],
      fields['Customer Email'],
      fields['Ticket Status'],
      fields['Ticket Priority'],
      fields['Ticket Channel'],
      fields['Ticket Type'],
      product === '' ? '' : productId(product),
      earliest,
      fields['Ticket Status'] === 'Closed' ? resolved : '',
      fields['Resolution'],
      ...KEPT_TIMES.map((header) => fields[header]),
      ...custom.values(),
    ];
  }
  if (!headed) yield [...TICKET_HEADER];
}

/** `2023-06-01 12:15:36` as the prepared format writes it; the list's clock is taken for UTC. What has no such form stays as it is. */
function preparedTime(text: string): string {
  const [, day, clock] = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})$/.exec(text) ?? [];
  return day === undefined || clock === undefined ? text : `${day}T${clock}.000Z`;
}

function splitName(name: string): { first: string; last: string } {
  const parts = name.trim().split(/\s+/);
  return { last: parts.pop() ?? '', first: parts.join(' ') };
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}

/** The external id of a contact: from its mail, which it does not show. */
export function contactId(mail: string): string {
  return `contact-${hashed(mail.trim().toLowerCase())}`;
}

/** The external id of a product: from its name. */
export function productId(name: string): string {
  return `product-${hashed(name.trim())}`;
}

interface FlatRow {
  fields: Flat;
  /** values of the other columns, by header */
  custom: ReadonlyMap<string, string>;
}

async function* flatRows(source: string): AsyncGenerator<FlatRow> {
  const parser = parse({ bom: true, record_delimiter: ['\r\n', '\n', '\r'], max_record_size: 16_000_000 });
  // the parser itself ends with the error of either
  const reading = pipeline(createReadStream(source), parser).catch(() => {});
  let header: string[] | null = null;
  for await (const cells of parser as AsyncIterable<string[]>) {
    if (header === null) {
      header = cells;
      const missing = FIELDS.filter((field) => !cells.includes(field));
      if (missing.length > 0) throw new SupportTicketsError(`The file has no column ${missing.join(', ')}.`);
      continue;
    }
    yield flatRow(header, cells);
  }
  await reading;
}

function flatRow(header: readonly string[], cells: readonly string[]): FlatRow {
  const value = (field: string): string => cells[header.indexOf(field)] ?? '';
  const fields = Object.fromEntries(FIELDS.map((field) => [field, value(field)])) as Flat;
  const others = header.filter((name) => !(FIELDS as readonly string[]).includes(name));
  return { fields, custom: new Map(others.map((name) => [name, value(name)])) };
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const program = new Command('prepare-support-tickets')
    .description('Makes Contacts.csv, Products.csv and Tickets.csv of a flat ticket list.')
    .argument('<in>', 'the flat CSV file')
    .argument('<folder>', 'where the prepared files go')
    .addHelpText(
      'after',
      '\nExample:\n  node examples/prepare-support-tickets.ts customer_support_tickets.csv /tmp/prepared',
    );
  const [source = '', folder = ''] = program.parse().args;
  const { contacts, products, tickets } = await prepareSupportTickets(source, folder);
  console.log(`${contacts} contacts, ${products} products, ${tickets} tickets in ${folder}`);
}
