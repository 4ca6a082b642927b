import Handlebars from 'handlebars';
import i18next, { type i18n } from 'i18next';
import { RESULTS, type TabCounts } from '../domain/codes.ts';
import { STATE_LABELS, type State } from '../domain/lifecycle.ts';
import type { MessageKind } from '../domain/message.ts';
import type { Phase } from '../domain/phase.ts';
import type { Locale } from '../domain/request.ts';
import { TABS, type Tab } from '../domain/tab.ts';
import { EN } from './locales/en.ts';
import { JA } from './locales/ja.ts';
import type { Texts } from './locales/texts.ts';

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
  /** B4: 1 = next */
  place?: number | undefined;
  expectedStart?: number | null | undefined;
  expectedEnd?: number | null | undefined;
  windowEndsAt?: number | null | undefined;
  expiresAt?: number | null | undefined;
  counts?: Partial<Record<Tab, TabCounts>> | undefined;
  /** how the report comes, when the message brings one (C7) */
  report?: { attached: true } | { attached: false; link: string; expiresAt: number } | undefined;
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
{{/each}}{{#if rows}}<table style="border-collapse:collapse;margin:1em 0">
<tr>{{#each heads}}<th style="text-align:left;padding:.3em .8em;border-bottom:2px solid #8a99a8">{{this}}</th>{{/each}}</tr>
{{#each rows}}<tr>{{#each this}}<td style="padding:.3em .8em;border-bottom:1px solid #d6dde4">{{this}}</td>{{/each}}</tr>
{{/each}}</table>
{{/if}}<p>{{closing}}</p>
<p style="color:#5b6b7b;font-size:.85em;border-top:1px solid #d6dde4;padding-top:.8em">{{footer}}</p>
</body></html>
`);

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
    link: facts.report?.attached === false ? facts.report.link : '',
    linkExpires: facts.report?.attached === false ? moment(facts.report.expiresAt) : '',
  };
  const say = (key: string): string => translations.t(key, values);
  const key = `messages.${facts.kind}`;
  const paragraphs = texts.messages[facts.kind].body.map((_, index) => say(`${key}.body.${index}`));
  if (facts.kind === 'phaseStarted' && facts.phase === 'phase-1') paragraphs.push(say(`${key}.phase1`));
  if (facts.kind === 'inLine' && typeof facts.expectedStart === 'number')
    paragraphs.push(say(`${key}.start`));
  if (facts.reason !== undefined && facts.reason !== '') paragraphs.push(say('reason'));
  if (facts.report !== undefined)
    paragraphs.push(say(facts.report.attached ? 'reportAttached' : 'reportLinked'));

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
  const text = `${[greeting, ...paragraphs, ...table, texts.closing, `--\n${footer}`].join('\n\n')}\n`;
  const html = LAYOUT({
    locale: facts.locale,
    subject,
    greeting,
    paragraphs,
    heads,
    rows,
    closing: texts.closing,
    footer,
  });
  return { subject, text, html };
}
