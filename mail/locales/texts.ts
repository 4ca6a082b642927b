import type { TabCounts } from '../../domain/codes.ts';
import type { MessageKind } from '../../domain/message.ts';
import type { Phase } from '../../domain/phase.ts';
import type { LimitBreach } from '../../domain/request.ts';
import type { Tab } from '../../domain/tab.ts';

/** When a further paragraph stands in a message: what is known, and how things are. */
export type Occasion =
  | 'phase1'
  | 'phase2'
  | 'startKnown'
  | 'endKnown'
  | 'answersByMail'
  | 'noAnswersByMail'
  | 'paused'
  | 'inPhase1'
  | 'inWindow'
  | 'begun'
  | 'notBegun';

export interface MessageText {
  subject: string;
  /** paragraphs */
  body: string[];
  /** further paragraphs, each where its occasion is given, in this order */
  also?: Partial<Record<Occasion, string>>;
}

/** Everything a mail can say, in one language; `{{...}}` stands for a fact. */
export interface Texts {
  tabs: Record<Tab, string>;
  phases: Record<Phase, string>;
  table: Record<'tab' | keyof TabCounts, string>;
  greeting: string;
  reason: string;
  /** what a customer is told instead of a reason that is a code; `fault` for every other code */
  reasons: Record<'INTEGRATIONS_ON' | 'DISCREPANCIES' | LimitBreach | 'fault', string>;
  reportAttached: string;
  /** the link stands behind it, on a line of its own */
  reportLinked: string;
  footer: string;
  closing: string;
  messages: Record<MessageKind, MessageText>;
}
