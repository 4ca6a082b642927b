import Handlebars from 'handlebars';
import type { Locale } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import { noUndoCounts, type UndoCounts } from '../domain/undo.ts';
import { tabNames } from './summary-page.ts';

/** `summary.json` of an undo (F1). Times are ISO 8601 in UTC. */
export interface UndoSummary {
  request: string;
  report: 'undo';
  portal: string;
  startedAt: string;
  endedAt: string;
  tabs: Partial<Record<Tab, UndoCounts>>;
  /** links of source records to records that were in the desk before */
  linksRemoved: number;
  /** attachment files that no record has any more */
  filesRemoved: number;
}

const WORDS = {
  en: {
    lang: 'en',
    title: 'Undo of a migration',
    intro:
      'Removed is what this request created and nobody changed since. What was there before was not touched.',
    started: 'Started',
    ended: 'Ended',
    request: 'Request',
    portal: 'Portal',
    tab: 'Tab',
    created: 'Created by the request',
    removed: 'Removed',
    changedSince: 'Kept: changed since',
    referredTo: 'Kept: something that stays refers to it',
    total: 'Total',
    links: 'Links to records that were there before, removed',
    files: 'Attachment files removed',
    details: 'Every record is listed in the file of its tab, with what was done and why.',
  },
  ja: {
    lang: 'ja',
    title: '移行の取り消し',
    intro:
      'この依頼で作成され、その後変更されていないレコードを削除しました。以前からあったものには触れていません。',
    started: '開始',
    ended: '終了',
    request: '依頼番号',
    portal: 'ポータル',
    tab: 'タブ',
    created: 'この依頼で作成',
    removed: '削除',
    changedSince: '保持：その後変更あり',
    referredTo: '保持：残るレコードから参照',
    total: '合計',
    links: '削除した既存レコードとの対応付け',
    files: '削除した添付ファイル',
    details: '各レコードの結果と理由は、タブごとのファイルに記載しています。',
  },
} as const satisfies Record<Locale, Record<string, string>>;

const PAGE = `<!doctype html>
<html lang="{{words.lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{words.title}}</title>
<style>
body{font:16px/1.6 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1c2733}
h1{font-size:1.6rem;margin:0 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem}dt{color:#5a6b7b}dd{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid #dde4ea;text-align:right}
th:first-child,td:first-child{text-align:left}thead th{color:#5a6b7b;font-weight:600}tfoot td{font-weight:600}
</style>
</head>
<body>
<h1>{{words.title}}</h1>
<p>{{words.intro}}</p>
<dl>
<dt>{{words.request}}</dt><dd>{{request}}</dd>
<dt>{{words.portal}}</dt><dd>{{portal}}</dd>
<dt>{{words.started}}</dt><dd>{{started}}</dd>
<dt>{{words.ended}}</dt><dd>{{ended}}</dd>
</dl>
<div class="scroll"><table>
<thead><tr><th>{{words.tab}}</th><th>{{words.created}}</th><th>{{words.removed}}</th><th>{{words.changedSince}}</th><th>{{words.referredTo}}</th></tr></thead>
<tbody>
{{#each rows}}
<tr><td>{{name}}</td><td>{{created}}</td><td>{{removed}}</td><td>{{changedSince}}</td><td>{{referredTo}}</td></tr>
{{/each}}
</tbody>
<tfoot><tr><td>{{words.total}}</td><td>{{total.created}}</td><td>{{total.removed}}</td><td>{{total.changedSince}}</td><td>{{total.referredTo}}</td></tr></tfoot>
</table></div>
<dl>
<dt>{{words.links}}</dt><dd>{{links}}</dd>
<dt>{{words.files}}</dt><dd>{{files}}</dd>
</dl>
<p>{{words.details}}</p>
</body>
</html>
`;

const render = Handlebars.compile(PAGE, { strict: true, noEscape: false });

/** `summary.html` of an undo: the summary as a page for people; nothing in it is loaded from elsewhere. */
export function undoPage(
  summary: UndoSummary,
  { locale, timeZone }: { locale: Locale; timeZone: string },
): string {
  const words = WORDS[locale];
  const numbers = new Intl.NumberFormat(words.lang);
  const times = new Intl.DateTimeFormat(words.lang, { dateStyle: 'long', timeStyle: 'long', timeZone });
  const names = tabNames(locale);
  const total = noUndoCounts();
  const figures = Object.keys(total) as (keyof UndoCounts)[];
  const format = (counts: UndoCounts): Record<string, string> =>
    Object.fromEntries(figures.map((each) => [each, numbers.format(counts[each])]));
  const rows = (Object.entries(summary.tabs) as [Tab, UndoCounts][]).map(([tab, counts]) => {
    for (const each of figures) total[each] += counts[each];
    return { ...format(counts), name: names[tab] };
  });
  return render({
    words,
    request: summary.request,
    portal: summary.portal,
    started: times.format(new Date(summary.startedAt)),
    ended: times.format(new Date(summary.endedAt)),
    rows,
    total: format(total),
    links: numbers.format(summary.linksRemoved),
    files: numbers.format(summary.filesRemoved),
  });
}
