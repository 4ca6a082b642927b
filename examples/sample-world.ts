import { departmentKey, mailKey } from '../domain/complete-record.ts';
import { type PersonName, personName } from './desk-texts.ts';
import { randomFor } from './random.ts';

/** The departments and statuses that the portal is taken to have; what else the files name brings a warning (C3, C4). */
export const SAMPLE_DEPARTMENTS = ['Support', 'Sales', '経理'] as const;
export const SAMPLE_STATUSES = ['Open', 'On Hold', 'Escalated', 'Closed'] as const;

/** How large a sample help desk is and into which portal it goes. */
export interface SampleSize {
  /** sound and faulty tickets together, without doubled and unreadable rows; at least 1 */
  tickets: number;
  /** the same seed and size give the same bytes; default 1 */
  seed?: number;
  /** whether one thread is over 16,000,000 bytes (TOO_LARGE); default from 200 tickets on */
  includeTooLarge?: boolean;
  /** agents that are in the portal before the import; those in the files are mapped to them by mail (C3) */
  portalAgents?: readonly { mail: string; active: boolean }[];
  /** default SAMPLE_DEPARTMENTS */
  portalDepartments?: readonly string[];
  /** default SAMPLE_STATUSES */
  portalStatuses?: readonly string[];
}

export class SampleSizeError extends RangeError {
  readonly code = 'SAMPLE_SIZE';
  constructor(message: string) {
    super(message);
    this.name = 'SampleSizeError';
  }
}

export interface SampleAgent extends PersonName {
  id: string;
  mail: string;
  department: string;
  /** as the file says */
  active: boolean;
  role: string;
}

/** What every record of one sample help desk is made from. */
export interface SampleWorld {
  seed: number;
  tickets: number;
  tooLarge: boolean;
  accounts: number;
  contacts: number;
  products: number;
  articleGroups: number;
  agents: readonly SampleAgent[];
  inPortal: ReadonlyMap<string, boolean>;
  /** by departmentKey */
  departments: ReadonlySet<string>;
  statuses: ReadonlySet<string>;
  /** C3: whether an agent with this mail takes part: known, by file or portal, and active */
  hasActiveAgent(mail: string): boolean;
}

export const COMPANY_DOMAIN = 'harbour-tools.example';

/** One fault or surprise per ticket that carries one. */
export const ROLES = [
  'ticket-chain',
  'required',
  'too-long',
  'thread-format',
  'comment-orphan',
  'duplicate-id',
  'malformed',
  'encoding',
  'file-missing',
  'checksum',
  'duplicate-row',
  'owner-unknown',
  'author-unknown',
  'department-unknown',
  'status-added',
  'no-created-time',
] as const;
export type Role = (typeof ROLES)[number];

/** Every run of so many tickets carries each role once, so that the share of faults is the same at every size. */
export const BLOCK = 50;
const STRIDE = 3;

/**
 * @throws SampleSizeError when `tickets` is not a whole number from 1 to 9,999,999, or `seed` not a whole number
 */
export function sampleWorld(size: SampleSize): SampleWorld {
  const { tickets, seed = 1 } = size;
  if (!Number.isSafeInteger(tickets) || tickets < 1 || tickets > 9_999_999) {
    throw new SampleSizeError('tickets must be a whole number from 1 to 9,999,999');
  }
  if (!Number.isSafeInteger(seed)) throw new SampleSizeError('seed must be a whole number');
  const agents = Array.from({ length: 8 + Math.min(200, Math.floor(tickets / 500)) }, (_, index) =>
    sampleAgent(index),
  );
  const inPortal = new Map((size.portalAgents ?? []).map(({ mail, active }) => [mailKey(mail), active]));
  const activity = new Map([...agents.map(({ mail, active }) => [mail, active] as const), ...inPortal]);
  return {
    seed,
    tickets,
    tooLarge: size.includeTooLarge ?? tickets >= 200,
    accounts: Math.max(3, Math.ceil(tickets * 0.15)),
    contacts: Math.max(1, Math.ceil(tickets * 0.8)),
    products: 8 + Math.floor(tickets / 25),
    articleGroups: 5 + Math.floor(tickets / 20),
    agents,
    inPortal,
    departments: new Set((size.portalDepartments ?? SAMPLE_DEPARTMENTS).map(departmentKey)),
    statuses: new Set(size.portalStatuses ?? SAMPLE_STATUSES),
    hasActiveAgent: (mail) => activity.get(mailKey(mail)) === true,
  };
}

function sampleAgent(index: number): SampleAgent {
  const name = personName(index % 2 === 0 ? 'ja' : 'en', index);
  return {
    ...name,
    id: `AG-${index + 1}`,
    mail: `${name.plain}.${index + 1}@${COMPANY_DOMAIN}`,
    department: SAMPLE_DEPARTMENTS[index % SAMPLE_DEPARTMENTS.length] as string,
    active: index % 6 !== 4,
    role: index === 0 ? 'Administrator' : 'Agent',
  };
}

const rolesOfBlock = new Map<string, readonly (Role | null)[]>();

/** The role a ticket carries, or null; tickets beyond the sample carry none. */
export function roleAt(world: SampleWorld, ticket: number): Role | null {
  if (ticket >= world.tickets) return null;
  const block = Math.floor(ticket / BLOCK);
  const key = `${world.seed}/${block}`;
  let places = rolesOfBlock.get(key);
  if (places === undefined) {
    // one block is asked for many times in a row, and hardly ever again
    if (rolesOfBlock.size > 16) rolesOfBlock.clear();
    places = placeRoles(world.seed, block);
    rolesOfBlock.set(key, places);
  }
  return places[ticket % BLOCK] ?? null;
}

function placeRoles(seed: number, block: number): readonly (Role | null)[] {
  const random = randomFor(seed, 'roles', block);
  const order: Role[] = [...ROLES];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.int(last + 1);
    [order[last], order[other]] = [order[other] as Role, order[last] as Role];
  }
  const places = Array.from({ length: BLOCK }, (): Role | null => null);
  for (const [index, role] of order.entries()) places[index * STRIDE + random.int(STRIDE)] = role;
  return places;
}
