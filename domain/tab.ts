/** The record types a desk holds, in the order they are always imported (A3). */
export const TABS = [
  'agents',
  'accounts',
  'contacts',
  'products',
  'tickets',
  'threads',
  'comments',
  'attachments',
  'articles',
] as const;

export type Tab = (typeof TABS)[number];

/** Tabs that come with tickets unless left out in so many words (A3). */
export const TICKET_CHILD_TABS = ['threads', 'comments', 'attachments'] as const satisfies readonly Tab[];

/** Report file names, `<Tab>.csv` (C7). */
export const TAB_TITLES: Readonly<Record<Tab, string>> = {
  agents: 'Agents',
  accounts: 'Accounts',
  contacts: 'Contacts',
  products: 'Products',
  tickets: 'Tickets',
  threads: 'Threads',
  comments: 'Comments',
  attachments: 'Attachments',
  articles: 'Articles',
};

export function isTab(value: unknown): value is Tab {
  return typeof value === 'string' && (TABS as readonly string[]).includes(value);
}

export class TabChoiceError extends Error {
  readonly code: 'UNKNOWN_TAB' | 'CHILD_WITHOUT_TICKETS' | 'OMIT_NOT_A_TICKET_CHILD' | 'NO_TAB';
  readonly tab: string | null;
  constructor(code: TabChoiceError['code'], tab: string | null, message: string) {
    super(message);
    this.name = 'TabChoiceError';
    this.code = code;
    this.tab = tab;
  }
}

/**
 * A3: the tabs that a choice stands for, in import order. Choosing tickets also chooses its children, each of
 * which can be left out by name.
 * @param chosen tab names as the requester gave them
 * @param omit children of tickets to leave out
 * @throws TabChoiceError for an unknown tab, a child without tickets, an `omit` that is no child of tickets, or no tab
 */
export function chooseTabs(chosen: readonly string[], omit: readonly string[] = []): Tab[] {
  const tabs = new Set<Tab>();
  for (const name of chosen) {
    if (!isTab(name))
      throw new TabChoiceError(
        'UNKNOWN_TAB',
        name,
        `There is no tab "${name}"; the tabs are ${TABS.join(', ')}.`,
      );
    tabs.add(name);
  }
  for (const child of TICKET_CHILD_TABS) {
    if (tabs.has(child) && !tabs.has('tickets')) {
      throw new TabChoiceError(
        'CHILD_WITHOUT_TICKETS',
        child,
        `${child} cannot be chosen without tickets; choose tickets too.`,
      );
    }
  }
  if (tabs.has('tickets')) for (const child of TICKET_CHILD_TABS) tabs.add(child);
  for (const name of omit) {
    if (!(TICKET_CHILD_TABS as readonly string[]).includes(name)) {
      throw new TabChoiceError(
        'OMIT_NOT_A_TICKET_CHILD',
        name,
        `Only ${TICKET_CHILD_TABS.join(', ')} can be left out; to leave out "${name}", do not choose it.`,
      );
    }
    tabs.delete(name as Tab);
  }
  if (tabs.size === 0) throw new TabChoiceError('NO_TAB', null, 'Choose at least one tab.');
  return TABS.filter((tab) => tabs.has(tab));
}
