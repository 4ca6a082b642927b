import type { TabCounts } from '../../domain/codes.ts';
import type { MessageKind } from '../../domain/message.ts';
import type { Phase } from '../../domain/phase.ts';
import type { Tab } from '../../domain/tab.ts';

interface MessageText {
  subject: string;
  /** paragraphs */
  body: string[];
  /** a further paragraph that phase 1 alone has */
  phase1?: string;
  /** a further paragraph where the expected start is known */
  start?: string;
}

/** Everything a mail can say, in one language; `{{...}}` stands for a fact. */
export interface Texts {
  tabs: Record<Tab, string>;
  phases: Record<Phase, string>;
  table: Record<'tab' | keyof TabCounts, string>;
  greeting: string;
  reason: string;
  reportAttached: string;
  reportLinked: string;
  footer: string;
  closing: string;
  messages: Record<MessageKind, MessageText>;
}
