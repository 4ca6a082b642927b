import Handlebars from 'handlebars';
import i18next, { type i18n } from 'i18next';
import { assertNever } from '../domain/assert-never.ts';
import { RESULTS, type TabCounts } from '../domain/codes.ts';
import { STATE_LABELS, type State } from '../domain/lifecycle.ts';
import type { MessageKind } from '../domain/message.ts';
import type { Phase } from '../domain/phase.ts';
import type { Locale } from '../domain/request.ts';
import { TABS, type Tab } from '../domain/tab.ts';
import { EN } from './locales/en.ts';
import { JA } from './locales/ja.ts';
import type { Occasion, Texts } from './locales/texts.ts';

/** What a message is about. Times in epoch milliseconds. */
export interface MessageFacts {
  kind: MessageKind;
  locale: Locale;
  /** IANA name of the reader's zone (C8) */
  timeZone: string;
  request: string;
  state: State;
  name: string;
  system: string;
  portal: string | null;
  ticket: string | null;
  phase?: Phase | undefined;
  reason?: string | undefined;
  /** the reason is the service's own: a code and words for the team */
  reasonIsCode?: boolean | undefined;
  /** B4: 1 = next */
  place?: number | undefined;
  expectedStart?: number | null | undefined;
  expectedEnd?: number | null | undefined;
  windowEndsAt?: number | null | undefined;
  /** E1: replies can be given by answering this mail */
  answersByMail?: boolean | undefined;
  /** the migration is paused, whatever else the message tells */
  paused?: boolean | undefined;
  /** A4: where larger limits are asked for */
  support?: string | undefined;
  expiresAt?: number | null | undefined;
  counts?: Partial<Record<Tab, TabCounts>> | undefined;
  /** how the report comes, when the message brings one (C7) */
  report?:
    | { version: number; attached: true }
    | { version: number; attached: false; link: string; expiresAt: number }
    | undefined;
}

export interface ComposedMessage {
  subject: string;
  text: string;
  html: string;
}

const TEXTS: Record<Locale, Texts> = { ja: JA, en: EN };

const translations: i18n = i18next.createInstance();
await translations.init({
  lng: 'en',
  resources: { en: { translation: EN }, ja: { translation: JA } },
  // The text part takes facts as they are; the HTML part is escaped by its own template.
  interpolation: { escapeValue: false },
  returnObjects: true,
});

/** A moment in the reader's language and zone, with the zone's name (C8). */
export function formatMoment(moment: number, locale: Locale, timeZone: string): string {
  return new Intl.DateTimeFormat(locale === 'ja' ? 'ja-JP' : 'en-GB', {
    timeZone,
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(moment);
}

const LAYOUT = Handlebars.compile(`<!doctype html>
<html lang="{{locale}}"><head><meta charset="utf-8"><title>{{subject}}</title></head>
<body style="font-family:sans-serif;color:#1d2733;line-height:1.6;max-width:44em;margin:0 auto;padding:1.5em">
<p>{{greeting}}</p>
{{#each paragraphs}}<p style="white-space:pre-line">{{this}}</p>
{{/each}}{{#if link}}<p><a href="{{link}}">{{link}}</a></p>
{{/if}}{{#if rows}}<table style="border-collapse:collapse;margin:1em 0">
<tr>{{#each heads}}<th style="text-align:left;padding:.3em .8em;border-bottom:2px solid #8a99a8">{{this}}</th>{{/each}}</tr>
{{#each rows}}<tr>{{#each this}}<td style="padding:.3em .8em;border-bottom:1px solid #d6dde4">{{this}}</td>{{/each}}</tr>
{{/each}}</table>
{{/if}}<p>{{closing}}</p>
<p style="color:#5b6b7b;font-size:.85em;border-top:1px solid #d6dde4;padding-top:.8em">{{footer}}</p>
</body></html>
`);

function isGiven(occasion: Occasion, facts: MessageFacts): boolean {
  switch (occasion) {
    case 'phase1':
      return facts.phase === 'phase-1';
    case 'phase2':
      return facts.phase === 'phase-2';
    case 'startKnown':
      return typeof facts.expectedStart === 'number';
    case 'endKnown':
      return typeof facts.expectedEnd === 'number';
    case 'answersByMail':
      return facts.answersByMail === true;
    case 'noAnswersByMail':
      return facts.answersByMail !== true;
    case 'paused':
      return facts.paused === true;
    case 'inPhase1':
      return facts.state === 'PHASE_1';
    case 'inWindow':
      return facts.state === 'REPLY_WINDOW';
    case 'begun':
      return facts.phase !== undefined;
    case 'notBegun':
      return facts.phase === undefined;
    default:
      return assertNever(occasion);
  }
}

/** A code, alone or with words behind it; before it may stand what failed. */
const CODE = /^(?:[a-z][A-Za-z]*: )*([A-Z]\w*)(?::|$)/;

function reasonCode(reason: string | undefined): string | null {
  return CODE.exec(reason ?? '')?.[1] ?? null;
}

/** What people typed is told as it is. Of a code they are told what it means for them; the words behind it are the team's. */
function reasonKey({ kind, reason = '', reasonIsCode }: MessageFacts, { reasons }: Texts): string | null {
  if (reason === '' || kind === 'sourceKeyRefused') return null;
  const code = reasonIsCode === true ? reasonCode(reason) : null;
  if (code === null) return 'reason';
  return `reasons.${code in reasons ? code : 'fault'}`;
}

/**
 * Writes one message in the reader's language and zone, as text and as HTML (A7, B5, C7, C8, E1-E4).
 * Nothing a person typed is taken as markup.
 */
export function composeMessage(facts: MessageFacts): ComposedMessage {
  const texts = TEXTS[facts.locale];
  const moment = (at: number | null | undefined): string =>
    at === null || at === undefined ? '-' : formatMoment(at, facts.locale, facts.timeZone);
  const values = {
    lng: facts.locale,
    name: facts.name,
    system: facts.system,
    portal: facts.portal ?? '-',
    ticket: facts.ticket ?? '-',
    request: facts.request,
    state: STATE_LABELS[facts.state][facts.locale],
    phase: texts.phases[facts.phase ?? 'phase-1'],
    reason: facts.reason ?? '',
    place: facts.place ?? '-',
    expectedStart: moment(facts.expectedStart),
    expectedEnd: moment(facts.expectedEnd),
    windowEndsAt: moment(facts.windowEndsAt),
    expiresAt: moment(facts.expiresAt),
    code: reasonCode(facts.reason),
    support: facts.support ?? '-',
    version: facts.report?.version ?? '-',
    linkExpires: facts.report?.attached === false ? moment(facts.report.expiresAt) : '',
  };
  const say = (key: string): string => translations.t(key, values);
  const key = `messages.${facts.kind}`;
  const paragraphs = texts.messages[facts.kind].body.map((_, index) => say(`${key}.body.${index}`));
  const { also = {} } = texts.messages[facts.kind];
  for (const occasion of Object.keys(also) as Occasion[]) {
    if (isGiven(occasion, facts)) paragraphs.push(say(`${key}.also.${occasion}`));
  }
  const reason = reasonKey(facts, texts);
  if (reason !== null) paragraphs.push(say(reason));
  if (facts.report !== undefined)
    paragraphs.push(say(facts.report.attached ? 'reportAttached' : 'reportLinked'));
  const link = facts.report?.attached === false ? [facts.report.link] : [];

  const columns = ['source', ...RESULTS] as const;
  const heads = [texts.table.tab, ...columns.map((column) => texts.table[column])];
  const rows = TABS.flatMap((tab) => {
    const counts = facts.counts?.[tab];
    return counts === undefined
      ? []
      : [[texts.tabs[tab], ...columns.map((column) => counts[column].toLocaleString('en-US'))]];
  });

  const subject = say(`${key}.subject`);
  const greeting = say('greeting');
  const footer = say('footer');
  const table = rows.length === 0 ? [] : [[heads, ...rows].map((row) => row.join('  |  ')).join('\n')];
  const text = `${[greeting, ...paragraphs, ...link, ...table, texts.closing, `--\n${footer}`].join('\n\n')}\n`;
  const html = LAYOUT({
    locale: facts.locale,
    subject,
    greeting,
    paragraphs,
    link: link[0],
    heads,
    rows,
    closing: texts.closing,
    footer,
  });
  return { subject, text, html };
}
