import type { Fields } from './canonical.ts';
import type { WarningCode } from './codes.ts';
import { type Fault, orderFaults, type Person, type ReadRecord } from './read-record.ts';
import type { Tab } from './tab.ts';

/** What became of a parent that a record names (C5). */
export type Parent = { deskId: string } | 'failed' | 'missing' | 'translation';

/** An agent of the portal as the phase sees it (C3). */
export interface KnownAgent {
  deskId: string;
  active: boolean;
}

/** What a record is completed from; all of it is frozen for the phase, so that again gives the same (D3). */
export interface World {
  /** epoch milliseconds: what stands for a time that the source lacks */
  importTime: number;
  /** desk id of the primary contact, who owns what nobody else can own (C3) */
  primaryContact: string;
  /** department names -> id, by departmentKey */
  departments: ReadonlyMap<string, string>;
  defaultDepartment: string | null;
  /** statuses the portal knew when the phase started */
  statuses: ReadonlySet<string>;
  parent(tab: Tab, externalId: string): Parent;
  /** by trimmed, lower-cased mail address */
  agent(mail: string): KnownAgent | undefined;
  /** desk id of the contact with this mail address */
  contact(mail: string): string | undefined;
}

export interface CompleteRecord {
  /** as the desk stores it, external id included, with desk ids in references */
  fields: Fields;
  /** as the source gave it: external ids in references, mail addresses of people, no defaults; its digest says whether the source changed */
  given: Fields;
  warnings: WarningCode[];
  /** in the order in which they count (C5); empty for a sound record */
  faults: Fault[];
}

/** Department names match trimmed and without regard to case. */
export function departmentKey(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase();
}

/** C9: account names match trimmed, in Unicode's compatibility form, without regard to case. */
export function accountNameKey(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** C3, C9: mail addresses match trimmed and without regard to case. */
export function mailKey(mail: string): string {
  return mail.trim().toLowerCase();
}

const WITH_DEPARTMENT: ReadonlySet<Tab> = new Set(['agents', 'products', 'tickets']);
/** Authors that may be contacts; an article's is an agent (docs/formats.md). */
const CONTACTS_WRITE: ReadonlySet<Tab> = new Set(['threads', 'comments', 'attachments']);

/**
 * Makes of a record as read the record as the desk stores it: references become desk ids (C5), people are found by mail (C3),
 * what the format gives a default gets it (docs/formats.md). Pure.
 */
export function completeRecord(tab: Tab, read: ReadRecord, world: World): CompleteRecord {
  const { externalId, references, people } = read;
  const given: Fields = { ...read.fields, externalId };
  const fields: Fields = { ...read.fields, externalId };
  const warnings: WarningCode[] = [...read.warnings];
  let faults = read.faults;
  for (const { field, tab: parentTab, externalId: parentId, column, index } of references) {
    given[field] = parentId;
    const parent = world.parent(parentTab, parentId);
    if (typeof parent === 'object') fields[field] = parent.deskId;
    else
      faults = [
        ...faults,
        { ...parentFault(parent, column, `"${shortened(parentId)}" of ${parentTab}`), column, index },
      ];
  }
  if (faults.length > read.faults.length && faults.length > 1) faults = orderFaults(faults);
  for (const person of people) findPerson(tab, person, world, fields, warnings);
  if (WITH_DEPARTMENT.has(tab)) findDepartment(world, fields, warnings);
  giveDefaults(tab, world, fields, warnings);
  return { fields, given, warnings, faults };
}

function parentFault(
  parent: Exclude<Parent, object>,
  column: string,
  record: string,
): Pick<Fault, 'code' | 'message'> {
  switch (parent) {
    case 'failed':
      return { code: 'PARENT_FAILED', message: `${column}: ${record} failed` };
    case 'missing':
      return {
        code: 'MISSING_REFERENCE',
        message: `${column}: ${record} is neither in the source nor in the desk`,
      };
    case 'translation':
      return {
        code: 'BAD_FORMAT',
        message: `${column}: ${record} is a translation itself; name the original`,
      };
  }
}

function findPerson(tab: Tab, person: Person, world: World, fields: Fields, warnings: WarningCode[]): void {
  const { idField, role, mail } = person;
  const agent = world.agent(mail);
  const isAuthor = role === 'author';
  const typeField = `${idField.slice(0, -'Id'.length)}Type`;
  if (agent?.active === true) {
    fields[idField] = agent.deskId;
    if (isAuthor) fields[typeField] = 'agent';
    return;
  }
  const contact = isAuthor && CONTACTS_WRITE.has(tab) ? world.contact(mail) : undefined;
  if (contact !== undefined) {
    fields[idField] = contact;
    fields[typeField] = 'contact';
    return;
  }
  fields[idField] = world.primaryContact;
  if (isAuthor) fields[typeField] = 'agent';
  const warning: WarningCode = isAuthor ? 'AUTHOR_FALLBACK' : 'OWNER_FALLBACK';
  if (!warnings.includes(warning)) warnings.push(warning);
}

function findDepartment(world: World, fields: Fields, warnings: WarningCode[]): void {
  const name = fields['department'];
  const found = typeof name === 'string' ? world.departments.get(departmentKey(name)) : undefined;
  const id = found ?? world.defaultDepartment;
  if (id !== null) fields['departmentId'] = id;
  if (typeof name === 'string' && name.trim() !== '' && found === undefined)
    warnings.push('DEPARTMENT_FALLBACK');
}

function giveDefaults(tab: Tab, world: World, fields: Fields, warnings: WarningCode[]): void {
  const time = (field: string): void => {
    if (fields[field] !== undefined) return;
    fields[field] = new Date(world.importTime);
    warnings.push('TIME_DEFAULTED');
  };
  switch (tab) {
    case 'agents':
      fields['status'] ??= 'active';
      return;
    case 'tickets': {
      fields['status'] ??= 'Open';
      if (typeof fields['status'] === 'string' && !world.statuses.has(fields['status']))
        warnings.push('STATUS_ADDED');
      time('createdTime');
      return;
    }
    case 'threads':
      fields['channel'] ??= 'Email';
      return;
    case 'comments':
      fields['contentType'] ??= 'plainText';
      fields['isPublic'] ??= false;
      time('commentedTime');
      return;
    case 'accounts':
    case 'contacts':
    case 'products':
    case 'attachments':
    case 'articles':
      return;
  }
}

/** C5: the code and column are the first fault's, the message names all. */
export function sayFaults(
  faults: readonly Fault[],
): { code: Fault['code']; column: string; message: string } | null {
  const [first] = faults;
  if (first === undefined) return null;
  return { code: first.code, column: shortened(first.column), message: sayAll(faults) };
}

const LONGEST_MESSAGE = 2_000;

function sayAll(faults: readonly Fault[]): string {
  let message = '';
  let said = 0;
  for (const fault of faults) {
    const more = message === '' ? fault.message : `${message}; ${fault.message}`;
    if (said > 0 && more.length > LONGEST_MESSAGE) return `${message}; and ${faults.length - said} more`;
    message = more;
    said++;
  }
  return message.slice(0, LONGEST_MESSAGE * 2);
}

const LONGEST_NAME = 100;

/** A name or an id for messages and reports: what is longer than any sound one is cut. */
export function shortened(text: string): string {
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME)}…`;
}
