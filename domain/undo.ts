import { COLUMNS } from './columns.ts';
import { TABS, type Tab } from './tab.ts';

/** F1: an undo goes backwards through the tabs, so that what refers to a record is decided before it; of articles the translations first. */
export const UNDO_STEPS = ['translations', ...TABS.toReversed()] as const;
export type UndoStep = (typeof UNDO_STEPS)[number];

export function tabOfStep(step: UndoStep): Tab {
  return step === 'translations' ? 'articles' : step;
}

/** Whether a record of the step's tab is decided in this step. @param translationOf the field of that name */
export function isOfStep(step: UndoStep, translationOf: unknown): boolean {
  const isTranslation = typeof translationOf === 'string';
  if (step === 'translations') return isTranslation;
  return step === 'articles' ? !isTranslation : true;
}

/** Why an undo keeps a record (F1). */
export const KEPT_CODES = ['CHANGED_SINCE', 'REFERRED_TO'] as const;
export type KeptCode = (typeof KEPT_CODES)[number];

/** What an undo did with the records of one tab that its request created. */
export interface UndoCounts {
  created: number;
  removed: number;
  changedSince: number;
  referredTo: number;
}

export function noUndoCounts(): UndoCounts {
  return { created: 0, removed: 0, changedSince: 0, referredTo: 0 };
}

/** The fields, per tab, that may hold the desk id of a record of this tab: parents named by a reference, owners and authors. */
export function fieldsReferringTo(tab: Tab): ReadonlyMap<Tab, readonly string[]> {
  const found = new Map<Tab, string[]>();
  for (const from of TABS) {
    const fields = COLUMNS[from].flatMap(({ field, refersTo, person }) => {
      if (refersTo === tab) return [field];
      const isAgent = tab === 'agents';
      const mayBeContact = tab === 'contacts' && person?.role === 'author';
      return person !== undefined && (isAgent || mayBeContact) ? [person.idField] : [];
    });
    if (fields.length > 0) found.set(from, fields);
  }
  return found;
}
