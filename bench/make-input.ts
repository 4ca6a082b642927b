import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** One file of the input. */
export interface InputFile {
  name: string;
  path: string;
  bytes: number;
  rows: number;
}

/** A help desk's export: agents, contacts and products, and the tickets that name them. */
export interface Input {
  files: InputFile[];
  tickets: InputFile;
  /** tickets that were changed since: every hundredth one */
  changed: InputFile;
  rows: number;
  bytes: number;
}

const AGENTS = 60;
const PRODUCTS = 300;
/** One contact writes so many tickets. */
const TICKETS_PER_CONTACT = 12;
/** About how long a row of the tickets is. */
const ROW_BYTES = 1_000;
const CHUNK_ROWS = 1_000;
const EPOCH = Date.UTC(2022, 0, 1);

const SENTENCES = [
  'The invoice for last month shows the wrong amount, please have a look at it.',
  'After the update the app closes when I open the settings page.',
  'She said "it worked yesterday", but nobody has changed anything since.',
  '注文した商品がまだ届いていません。配送状況を教えてください。',
  'Could you send us the delivery note again; the attachment was empty.',
  'We have tried it with two browsers and on three machines, with the same result.',
  'パスワードを再設定しても、ログイン画面に戻ってしまいます。',
  'Thank you for your quick answer, the second point is still open, though.',
  'Order 4711 was cancelled in May, yet it stands in our list as open.',
  'The export stops at 10 %, without any message.',
];
const STATUSES = ['Open', 'On Hold', 'Escalated', 'Closed'];
const PRIORITIES = ['High', 'Medium', 'Low', ''];
const CHANNELS = ['Email', 'Phone', 'Web', 'Chat'];

/**
 * Writes the input into a folder: the same for the same size. Of the tickets, 7 in 1,000 are faulty (no subject, a contact that
 * is not there) and 20 in 1,000 are assigned to somebody the portal does not know.
 */
export async function makeInput(folder: string, megabytes: number): Promise<Input> {
  const tickets = Math.max(100, Math.round((megabytes * 1_000_000) / ROW_BYTES));
  const contacts = Math.ceil(tickets / TICKETS_PER_CONTACT);
  const write = async (name: string, header: string, rows: number, row: (n: number) => string, every = 1) => {
    const path = join(folder, name);
    await pipeline(
      Readable.from(
        chunks(header, rows, (n) => row(n * every)),
        { objectMode: false },
      ),
      createWriteStream(path),
    );
    return { name: name.replace(/^.*\//, ''), path, rows, bytes: (await stat(path)).size };
  };
  const files = [
    await write('Agents.csv', 'AgentExtId,Last Name,First Name,Email,Department,Status', AGENTS, agentRow),
    await write('Contacts.csv', CONTACT_HEADER, contacts, contactRow),
    await write('Products.csv', 'ProductExtId,Product Name,Product Code,Unit Price', PRODUCTS, productRow),
  ];
  const ticketFile = await write('Tickets.csv', TICKET_HEADER, tickets, (n) => ticketRow(n, contacts, ''));
  const changed = await write(
    'Tickets_2.csv',
    TICKET_HEADER,
    Math.ceil(tickets / 100),
    (n) => ticketRow(n, contacts, 'Answered. '),
    100,
  );
  files.push(ticketFile);
  return {
    files,
    tickets: ticketFile,
    changed,
    rows: files.reduce((sum, each) => sum + each.rows, 0),
    bytes: files.reduce((sum, each) => sum + each.bytes, 0),
  };
}

function* chunks(header: string, rows: number, row: (n: number) => string): Generator<string> {
  let text = `${header}\r\n`;
  for (let n = 0; n < rows; n++) {
    text += `${row(n)}\r\n`;
    if (n % CHUNK_ROWS !== CHUNK_ROWS - 1) continue;
    yield text;
    text = '';
  }
  yield text;
}

function agentRow(n: number): string {
  return `A-${n},Agent ${n},Kim,agent${n}@support.example,Support,active`;
}

const CONTACT_HEADER =
  'ContactExtId,First Name,Last Name,Email,Phone,Street,City,Zip,Created Time,Modified Time';

function contactRow(n: number): string {
  const time = new Date(EPOCH + n * 60_000).toISOString();
  return `C-${n},Chris,Customer ${n},customer${n}@client.example,+81 3 ${n},"Main Street ${n % 900}, 2nd floor",東京,100-0001,${time},${time}`;
}

function productRow(n: number): string {
  return `P-${n},Product ${n},PC-${n},${(n % 97) + 0.5}`;
}

const TICKET_HEADER =
  'TicketExtId,ContactExtId,ProductExtId,Subject,Description,Status,Priority,Channel,Category,Department,' +
  'Assignee Name,Assignee Email,Created Time,Modified Time,Closed Time,Tags,CC,Contract Number';

function ticketRow(n: number, contacts: number, prefix: string): string {
  const contact = n % 200 === 150 ? 'nobody' : `${(n * 7) % contacts}`;
  const subject = n % 500 === 250 ? '' : `${prefix}Question ${n} about product ${n % PRODUCTS}`;
  const agent = n % 50 === 30 ? 'former' : `agent${n % AGENTS}`;
  const status = STATUSES[n % STATUSES.length] ?? '';
  const created = EPOCH + n * 30_000;
  const closed = status === 'Closed' ? new Date(created + 86_400_000).toISOString() : '';
  let text = '';
  for (let k = 0; text.length < 560; k++) text += `${SENTENCES[(n + k * 3) % SENTENCES.length] ?? ''}\n`;
  const cells = [
    `T-${n}`,
    `C-${contact}`,
    `P-${n % PRODUCTS}`,
    subject,
    `"${text.replaceAll('"', '""')}"`,
    status,
    PRIORITIES[n % PRIORITIES.length],
    CHANNELS[n % CHANNELS.length],
    `Category ${n % 11}`,
    'Support',
    `Kim Agent ${n % AGENTS}`,
    `${agent}@support.example`,
    new Date(created).toISOString(),
    new Date(created + 3_600_000).toISOString(),
    closed,
    `"billing,urgent,t${n % 20}"`,
    n % 3 === 0 ? `copy${n % 100}@client.example` : '',
    `K-${n % 5_000}`,
  ];
  return cells.join(',');
}
