import { COLUMNS, type Column, headerKey, matchHeaders } from './columns.ts';
import {
  columnNames,
  columnsOf,
  type FieldMapping,
  type FieldRule,
  type FileMapping,
  type Mapping,
  mappedColumn,
  type TabMapping,
} from './field-mapping.ts';
import { ALONGSIDE, FIELD_WORDS, FILE_WORDS, STATUS_WORDS, TIME_FORMATS } from './mapping-words.ts';
import { isMailAddress } from './read-record.ts';
import { timeForm } from './read-time-form.ts';
import { type Tab, TABS } from './tab.ts';

/** A table whose mapping is to be proposed. */
export interface TableToMap {
  file: string;
  entry: string | null;
  /** the tab its name stands for (docs/formats.md), or null */
  tab: Tab | null;
  header: readonly string[];
  /** its first rows, to judge mail addresses, times and statuses by; may be empty */
  rows: readonly (readonly string[])[];
}

/** How sure a proposed field is. */
export interface ProposedField {
  /** name of the file, or `file.zip/entry.csv` */
  file: string;
  tab: Tab;
  /** the desk's header */
  field: string;
  /** the columns it is made of */
  columns: string[];
  /** 0-1; below 0.5 it is a guess */
  confidence: number;
}

export interface MappingProposal {
  /** to be looked at and confirmed by a person */
  mapping: Mapping;
  fields: ProposedField[];
  /** required fields for which no column was found */
  missing: { file: string; tab: Tab; field: string }[];
  /** files that are in the prepared format and need no mapping */
  prepared: string[];
  /** files of which not even the tab could be told */
  unknown: string[];
}

/**
 * A10: proposes a mapping from the names of files and columns, as the usual help desks and Japanese exports write them, and from
 * sample rows. A proposal is never used by itself.
 * @param timeZone of times that name no offset, usually the requester's
 */
export function proposeMapping(
  tables: readonly TableToMap[],
  timeZone: string | null = null,
): MappingProposal {
  const proposal: MappingProposal = {
    mapping: { version: 1, files: [] },
    fields: [],
    missing: [],
    prepared: [],
    unknown: [],
  };
  for (const table of tables) {
    const file = table.entry === null ? table.file : `${table.file}/${table.entry}`;
    if (table.tab !== null && matchHeaders(table.tab, table.header).missing.length === 0) {
      proposal.prepared.push(file);
      continue;
    }
    const proposer = new TableProposer(table);
    const tab = table.tab ?? proposer.likelyTab();
    if (tab === null) proposal.unknown.push(file);
    else {
      const { mapping, sure } = proposer.propose(tab, timeZone);
      proposal.mapping.files.push({ ...mapping, file });
      report(proposal, file, mapping.tabs, sure);
    }
  }
  return proposal;
}

type Sureness = ReadonlyMap<TabMapping, ReadonlyMap<string, number>>;

function report(proposal: MappingProposal, file: string, tabs: readonly TabMapping[], sure: Sureness): void {
  for (const mapping of tabs) {
    const { tab, fields } = mapping;
    const mapped = new Set<Column | undefined>();
    for (const [field, rule] of Object.entries(fields)) {
      const confidence = sure.get(mapping)?.get(field) ?? 0;
      proposal.fields.push({ file, tab, field, columns: columnsOf(rule), confidence });
      mapped.add(mappedColumn(tab, field));
    }
    for (const column of COLUMNS[tab]) {
      if (column.required && !mapped.has(column)) proposal.missing.push({ file, tab, field: column.header });
    }
  }
}

interface Match {
  /** place of the column */
  place: number;
  confidence: number;
}

const EXACT = 0.9;
const OWN_NAME = 1;
const WITHIN = 0.6;
const BY_CONTENT = 0.5;
const UNSURE = 0.4;
const GUESS = 0.3;
/** Shorter words stand in other words by chance. */
const SHORTEST_WITHIN = 4;
/** How much of a column's samples must be what its field wants. */
const MOST = 0.9;

/** Words compare as headers do, and without what stands in brackets. */
function wordKey(text: string): string {
  return headerKey(text.replaceAll(/[([（【［].*?[)\]）】］]/g, '').normalize('NFKC')).replaceAll(
    /[:.#*]/g,
    '',
  );
}

class TableProposer {
  readonly #table: TableToMap;
  readonly #names: string[];
  readonly #keys: string[];

  constructor(table: TableToMap) {
    this.#table = table;
    this.#names = columnNames(table.header);
    this.#keys = this.#names.map(wordKey);
  }

  /** The tab that the file's name tells, else the one of which most is there; null when it is hardly any. */
  likelyTab(): Tab | null {
    const name = (this.#table.entry ?? this.#table.file).toLowerCase();
    const named = FILE_WORDS.find(([, words]) => words.some((word) => name.includes(word)))?.[0];
    let best: { tab: Tab; score: number } | null = null;
    for (const tab of TABS) {
      let score = tab === named ? 2 : 0;
      for (const [field, { confidence }] of this.#match(tab)) {
        const required = COLUMNS[tab].some((column) => column.field === field && column.required);
        score += confidence * (required ? 1.5 : 1);
      }
      if (score >= 2 && (best === null || score > best.score)) best = { tab, score };
    }
    return best?.tab ?? null;
  }

  propose(tab: Tab, timeZone: string | null): { mapping: Omit<FileMapping, 'file'>; sure: Sureness } {
    const own = new TabProposal(tab);
    const beside: TabProposal[] = [];
    const matched = this.#match(tab);
    for (const column of COLUMNS[tab]) {
      const match = matched.get(column.field);
      if (match !== undefined) own.add(column.header, this.#rule(column, match), match.confidence);
    }
    if (tab === 'tickets') this.#aroundTicket(own, beside, matched);
    if (tab === 'contacts') this.#account(own, beside);
    if (tab === 'threads') fillThread(own);
    if (tab === 'agents' || tab === 'contacts') this.#lastName(own);
    const tabs = [...beside, own].map(({ mapping }) => mapping);
    return {
      mapping: { ...(timeZone !== null && this.#needsZone(tabs) ? { timeZone } : {}), tabs },
      sure: new Map([...beside, own].map(({ mapping, sure }) => [mapping, sure])),
    };
  }

  /** The best column for each field; a column serves one field of a tab. */
  #match(tab: Tab): Map<string, Match> {
    const candidates: { field: string; match: Match }[] = [];
    for (const column of COLUMNS[tab]) {
      const words = [...(FIELD_WORDS[tab][column.field] ?? [])];
      for (const match of this.#find([column.header, ...(column.aliases ?? [])], words)) {
        const confidence = this.#judge(column, match);
        if (confidence > 0) candidates.push({ field: column.field, match: { ...match, confidence } });
      }
    }
    const found = new Map<string, Match>();
    const taken = new Set<number>();
    for (const { field, match } of candidates.toSorted((a, b) => b.match.confidence - a.match.confidence)) {
      if (found.has(field) || taken.has(match.place)) continue;
      found.set(field, match);
      taken.add(match.place);
    }
    return found;
  }

  /** Columns that bear one of these names, or hold one in their name. */
  #find(own: readonly string[], words: readonly string[]): Match[] {
    const names = own.map(wordKey);
    const keys = words.map(wordKey);
    return this.#keys.flatMap((key, place): Match[] => {
      if (names.includes(key)) return [{ place, confidence: OWN_NAME }];
      const rank = keys.indexOf(key);
      if (rank >= 0) return [{ place, confidence: EXACT - Math.min(rank, 20) * 0.01 }];
      const within = keys.find((word) => key.includes(word) && isTelling(word));
      return within === undefined
        ? []
        : [{ place, confidence: WITHIN * (0.5 + (0.5 * within.length) / key.length) }];
    });
  }

  #samples(place: number): string[] {
    return this.#table.rows.map((row) => (row[place] ?? '').trim()).filter((cell) => cell !== '');
  }

  /** What the samples say of a column for a field: 0 = not this one. */
  #judge({ type }: Column, { place, confidence }: Match): number {
    const samples = this.#samples(place);
    if (samples.length === 0) return confidence;
    if (type === 'mail') return share(samples, isMailAddress) >= MOST ? confidence : 0;
    if (type === 'time') {
      const found = timeFormatOf(samples);
      return found === undefined ? 0 : found.isUnsure ? Math.min(confidence, UNSURE) : confidence;
    }
    if (type === 'number')
      return share(samples, (text) => /^[+-]?\d+(\.\d+)?$/.test(text)) >= MOST ? confidence : 0;
    // what looks like a mail address is no name and no subject
    const isText = type === 'text' || type === 'externalId';
    return isText && share(samples, isMailAddress) >= MOST ? confidence * 0.3 : confidence;
  }

  #name({ place }: Match): string {
    return this.#names[place] as string;
  }

  #rule(column: Column, match: Match): FieldMapping {
    const name = this.#name(match);
    const samples = this.#samples(match.place);
    if (column.type === 'time') {
      const found = timeFormatOf(samples);
      return found === undefined || found.format === null ? name : { column: name, timeFormat: found.format };
    }
    if (column.field !== 'status' || column.type !== 'text') return name;
    const values: Record<string, string> = {};
    for (const sample of new Set(samples)) {
      const word = sample.toLowerCase();
      const meant = Object.hasOwn(STATUS_WORDS, word) ? STATUS_WORDS[word] : undefined;
      if (meant !== undefined && meant !== sample) values[sample] = meant;
    }
    return Object.keys(values).length === 0 ? name : { column: name, values };
  }

  #needsZone(tabs: readonly TabMapping[]): boolean {
    return tabs.some(({ tab, fields }) =>
      Object.entries(fields).some(
        ([field, rule]) =>
          mappedColumn(tab, field)?.type === 'time' &&
          !(typeof rule === 'object' && /X|epoch/.test(rule.timeFormat ?? '')),
      ),
    );
  }

  /** A ticket list carries its customers, and often their companies and products. */
  #aroundTicket(ticket: TabProposal, beside: TabProposal[], matched: ReadonlyMap<string, Match>): void {
    const mail = matched.get('email') ?? this.#mailColumn(matched);
    const id = matched.get('contactId');
    const name = this.#best(ALONGSIDE.contactName, matched);
    const known = id ?? mail;
    if (known !== undefined) {
      const contacts = new TabProposal('contacts', true);
      const rule: FieldRule = known === id ? { column: this.#name(known) } : { idFrom: this.#name(known) };
      contacts.add('ContactExtId', rule, known.confidence);
      ticket.add('ContactExtId', rule, known.confidence);
      if (mail !== undefined) {
        contacts.add('Email', this.#name(mail), mail.confidence);
        ticket.add('Email', this.#name(mail), mail.confidence);
      }
      const called = name ?? mail;
      if (called !== undefined) {
        contacts.add('Last Name', this.#name(called), name === undefined ? GUESS : name.confidence);
        this.#account(contacts, beside);
        beside.push(contacts);
      }
    }
    const product = this.#best(ALONGSIDE.productName, matched);
    if (product === undefined) return;
    const products = new TabProposal('products', true);
    const rule: FieldRule = { idFrom: this.#name(product) };
    products.add('ProductExtId', rule, product.confidence);
    products.add('Product Name', this.#name(product), product.confidence);
    ticket.add('ProductExtId', rule, product.confidence);
    beside.push(products);
  }

  /** A company named beside a contact is an account of its own, found again by its name. */
  #account(contacts: TabProposal, beside: TabProposal[]): void {
    const company = this.#best(ALONGSIDE.accountName, new Map());
    if (company === undefined || contacts.has('AccountExtId')) return;
    const accounts = new TabProposal('accounts', true);
    const rule: FieldRule = { idFrom: this.#name(company) };
    accounts.add('AccountExtId', rule, company.confidence);
    accounts.add('Account Name', this.#name(company), company.confidence);
    contacts.add('AccountExtId', rule, company.confidence);
    beside.push(accounts);
  }

  /** People without a last name are called by what name there is. */
  #lastName(people: TabProposal): void {
    if (people.has('Last Name')) return;
    const full = people.rule('Full Name') ?? people.rule('First Name') ?? people.rule('Email');
    if (full !== undefined) people.add('Last Name', full, GUESS);
  }

  #best(words: readonly string[], matched: ReadonlyMap<string, Match>): Match | undefined {
    const taken = new Set(
      [...matched.values()].filter(({ confidence }) => confidence >= EXACT - 0.2).map(({ place }) => place),
    );
    return this.#find([], words)
      .filter(({ place }) => !taken.has(place) && share(this.#samples(place), isMailAddress) < MOST)
      .toSorted((a, b) => b.confidence - a.confidence)[0];
  }

  /** A column of mail addresses, whatever its name. */
  #mailColumn(matched: ReadonlyMap<string, Match>): Match | undefined {
    const taken = new Set([...matched.values()].map(({ place }) => place));
    const place = this.#names.findIndex((_, index) => {
      const samples = this.#samples(index);
      return !taken.has(index) && samples.length > 0 && share(samples, isMailAddress) >= MOST;
    });
    return place < 0 ? undefined : { place, confidence: BY_CONTENT };
  }
}

class TabProposal {
  readonly mapping: TabMapping;
  readonly sure = new Map<string, number>();

  constructor(tab: Tab, distinct = false) {
    this.mapping = distinct ? { tab, distinct, fields: {} } : { tab, fields: {} };
  }

  add(field: string, rule: FieldMapping, confidence: number): void {
    this.mapping.fields[field] = rule;
    this.sure.set(field, Math.round(Math.min(1, confidence) * 100) / 100);
  }

  has(field: string): boolean {
    return this.mapping.fields[field] !== undefined;
  }

  rule(field: string): FieldMapping | undefined {
    return this.mapping.fields[field];
  }
}

/** What exports of messages leave out because it goes without saying. */
function fillThread(thread: TabProposal): void {
  const sent = thread.rule('Sent Date Time');
  if (sent !== undefined && !thread.has('Received Time')) thread.add('Received Time', sent, GUESS);
  const sender = thread.rule('Sender Email');
  if (sender !== undefined && !thread.has('From Email Address'))
    thread.add('From Email Address', sender, BY_CONTENT);
  if (!thread.has('Is Private')) thread.add('Is Private', { constant: 'false' }, GUESS);
  if (!thread.has('Direction')) thread.add('Direction', { constant: 'In' }, GUESS / 2);
}

/** Whether a word in the middle of a header says what it is. */
function isTelling(word: string): boolean {
  return /^[\p{ASCII}]*$/u.test(word) ? word.length >= SHORTEST_WITHIN : word.length >= 2;
}

function share(samples: readonly string[], test: (text: string) => boolean): number {
  return samples.length === 0 ? 0 : samples.filter(test).length / samples.length;
}

/**
 * The format that reads the samples; `format` null = the prepared format does; undefined when none does. Day and month may
 * stand the other way round when both orders read them all.
 */
function timeFormatOf(samples: readonly string[]): { format: string | null; isUnsure: boolean } | undefined {
  if (samples.length === 0) return { format: null, isUnsure: false };
  const reads = (format: string | null): boolean => {
    const form = timeForm(format, null);
    return samples.every((text) => form.read(text) !== null);
  };
  for (const format of [null, ...TIME_FORMATS]) {
    if (!reads(format)) continue;
    const turned = format?.startsWith('M/d/') === true ? `d/M/${format.slice(4)}` : null;
    return { format, isUnsure: turned !== null && reads(turned) };
  }
  return undefined;
}
