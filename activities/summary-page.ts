import Handlebars from 'handlebars';
import { UNSHOWN_CODES, type UnshownCode } from '../domain/resolve-image.ts';
import type { Phase } from '../domain/phase.ts';
import type { Locale } from '../domain/request.ts';
import { TAB_TITLES, type Tab } from '../domain/tab.ts';
import type { TabCounts } from '../domain/codes.ts';
import type { ImageCounts } from './import-activities.ts';

/** A tab in `summary.json` (C7). */
export interface TabSummary extends TabCounts {
  /** how many warnings its records carry together */
  warnings: number;
  sourceDigest: string;
  deskDigest: string;
  digestsMatch: boolean;
}

/** `summary.json` (C7). Times are ISO 8601 in UTC. */
export interface Summary {
  request: string;
  phase: Phase;
  portal: string;
  startedAt: string;
  endedAt: string;
  tabs: Partial<Record<Tab, TabSummary>>;
  /** C4; a sample run looks at no images */
  inlineImages?: ImageCounts;
  /** SHA-256 of every other file of the report, by path; reports written before this was kept have none */
  files?: Record<string, string>;
}

/** What the page says besides the summary. */
export interface SummaryExtras {
  locale: Locale;
  timeZone: string;
  superseded: number | null;
  discrepancies: number;
  failedFiles: string[];
  /** files of replies that were not read, and why */
  ignored: { name: string; reason: string }[];
}

interface Words {
  lang: string;
  title: Record<Phase, string>;
  intro: string;
  started: string;
  ended: string;
  request: string;
  portal: string;
  tab: string;
  source: string;
  created: string;
  updated: string;
  unchanged: string;
  skipped: string;
  failed: string;
  warnings: string;
  proof: string;
  proven: string;
  unproven: string;
  total: string;
  failedTitle: string;
  failedText: string;
  noneFailed: string;
  superseded: string;
  discrepancies: string;
  ignored: string;
  imagesTitle: string;
  imagesShown: string;
  imagesEmbedded: string;
  imagesText: string;
  unshown: Record<UnshownCode, string>;
  digests: string;
  tabs: Record<Tab, string>;
}

const WORDS: Record<Locale, Words> = {
  en: {
    lang: 'en',
    title: {
      sample: 'Sample run',
      'phase-1': 'Migration report: phase 1',
      'phase-2': 'Migration report: phase 2',
    },
    intro: 'Every record of the source is accounted for: created, updated, unchanged, skipped or failed.',
    started: 'Started',
    ended: 'Ended',
    request: 'Request',
    portal: 'Portal',
    tab: 'Tab',
    source: 'In the source',
    created: 'Created',
    updated: 'Updated',
    unchanged: 'Unchanged',
    skipped: 'Skipped',
    failed: 'Failed',
    warnings: 'Warnings',
    proof: 'Source and desk',
    proven: 'agree',
    unproven: 'differ',
    total: 'Total',
    failedTitle: 'Failed records',
    failedText:
      'They are in these files, as they were in the source, with the reason. Mend them and send the files back.',
    noneFailed: 'None.',
    superseded: 'Rows of replies that a later reply replaced (superseded.csv)',
    discrepancies: 'Differences between source and desk (discrepancies.csv)',
    ignored: 'Files that were not read',
    imagesTitle: 'Images in messages',
    imagesShown: 'Shown from attachments',
    imagesEmbedded: 'Contained in the message itself',
    imagesText: 'These are named in inline-images.csv:',
    unshown: {
      NOT_FOUND: 'No attachment of the ticket has this name or id',
      ATTACHMENT_FAILED: 'The attachment is not in the desk',
      AMBIGUOUS: 'Several attachments could be meant',
      REMOTE: 'On another host: shown as long as that host serves it',
      MALFORMED: 'Damaged in the source',
      TOO_MANY: 'Messages with more images than are looked at',
    },
    digests: 'Digests',
    tabs: TAB_TITLES,
  },
  ja: {
    lang: 'ja',
    title: { sample: 'サンプル実行', 'phase-1': '移行レポート（1回目）', 'phase-2': '移行レポート（2回目）' },
    intro:
      '移行元のすべてのレコードについて、作成・更新・変更なし・スキップ・失敗のいずれかを記録しています。',
    started: '開始',
    ended: '終了',
    request: '依頼番号',
    portal: 'ポータル',
    tab: 'タブ',
    source: '移行元',
    created: '作成',
    updated: '更新',
    unchanged: '変更なし',
    skipped: 'スキップ',
    failed: '失敗',
    warnings: '警告',
    proof: '移行元とデスクの照合',
    proven: '一致',
    unproven: '不一致',
    total: '合計',
    failedTitle: '失敗したレコード',
    failedText:
      '次のファイルに、移行元のままの内容と理由を記載しています。修正のうえ、ファイルをご返送ください。',
    noneFailed: 'ありません。',
    superseded: '後の返信で置き換えられた行（superseded.csv）',
    discrepancies: '移行元とデスクの相違（discrepancies.csv）',
    ignored: '読み取らなかったファイル',
    imagesTitle: '本文中の画像',
    imagesShown: '添付ファイルから表示されるもの',
    imagesEmbedded: '本文に埋め込まれているもの',
    imagesText: '次の画像は inline-images.csv に記載しています。',
    unshown: {
      NOT_FOUND: '該当する添付ファイルが問い合わせにありません',
      ATTACHMENT_FAILED: '添付ファイルがデスクにありません',
      AMBIGUOUS: '該当する添付ファイルが複数あります',
      REMOTE: '外部サーバーの画像です（そのサーバーが公開している間のみ表示されます）',
      MALFORMED: '移行元で破損しています',
      TOO_MANY: '画像が多すぎるため一部を確認していない本文',
    },
    digests: 'ダイジェスト',
    tabs: {
      agents: '担当者',
      accounts: '取引先',
      contacts: '連絡先',
      products: '商品',
      tickets: '問い合わせ',
      threads: 'スレッド',
      comments: 'コメント',
      attachments: '添付ファイル',
      articles: 'ナレッジベースの記事',
    },
  },
};

const PAGE = `<!doctype html>
<html lang="{{words.lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>
body{font:16px/1.6 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1c2733}
h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem}dt{color:#5a6b7b}dd{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid #dde4ea;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}thead th{color:#5a6b7b;font-weight:600}tfoot td{font-weight:600}
.ok{color:#1a7f46}.bad{color:#b3261e;font-weight:600}code{font-size:.8rem;word-break:break-all}
</style>
</head>
<body>
<h1>{{title}}</h1>
<p>{{words.intro}}</p>
<dl>
<dt>{{words.request}}</dt><dd>{{request}}</dd>
<dt>{{words.portal}}</dt><dd>{{portal}}</dd>
<dt>{{words.started}}</dt><dd>{{started}}</dd>
<dt>{{words.ended}}</dt><dd>{{ended}}</dd>
</dl>
<div class="scroll"><table>
<thead><tr><th>{{words.tab}}</th><th>{{words.source}}</th><th>{{words.created}}</th><th>{{words.updated}}</th><th>{{words.unchanged}}</th><th>{{words.skipped}}</th><th>{{words.failed}}</th><th>{{words.warnings}}</th><th>{{words.proof}}</th></tr></thead>
<tbody>
{{#each rows}}
<tr><td>{{name}}</td><td>{{source}}</td><td>{{created}}</td><td>{{updated}}</td><td>{{unchanged}}</td><td>{{skipped}}</td><td{{#if anyFailed}} class="bad"{{/if}}>{{failed}}</td><td>{{warnings}}</td><td class="{{#if digestsMatch}}ok{{else}}bad{{/if}}">{{proof}}</td></tr>
{{/each}}
</tbody>
<tfoot><tr><td>{{words.total}}</td><td>{{total.source}}</td><td>{{total.created}}</td><td>{{total.updated}}</td><td>{{total.unchanged}}</td><td>{{total.skipped}}</td><td>{{total.failed}}</td><td>{{total.warnings}}</td><td></td></tr></tfoot>
</table></div>
<h2>{{words.failedTitle}}</h2>
{{#if failedFiles}}
<p>{{words.failedText}}</p>
<ul>{{#each failedFiles}}<li>{{this}}</li>{{/each}}</ul>
{{else}}
<p>{{words.noneFailed}}</p>
{{/if}}
{{#if superseded}}<p>{{words.superseded}}: {{superseded}}</p>{{/if}}
{{#if discrepancies}}<p class="bad">{{words.discrepancies}}: {{discrepancies}}</p>{{/if}}
{{#if images}}
<h2>{{words.imagesTitle}}</h2>
<dl><dt>{{words.imagesShown}}</dt><dd>{{images.shown}}</dd><dt>{{words.imagesEmbedded}}</dt><dd>{{images.embedded}}</dd></dl>
{{#if images.notShown}}
<p>{{words.imagesText}}</p>
<dl>{{#each images.notShown}}<dt>{{name}}</dt><dd>{{count}}</dd>{{/each}}</dl>
{{/if}}
{{/if}}
{{#if ignored}}
<h2>{{words.ignored}}</h2>
<ul>{{#each ignored}}<li>{{name}}: {{reason}}</li>{{/each}}</ul>
{{/if}}
<h2>{{words.digests}}</h2>
<dl>{{#each rows}}<dt>{{name}}</dt><dd><code>{{sourceDigest}}</code></dd>{{/each}}</dl>
</body>
</html>
`;

const render = Handlebars.compile(PAGE, { strict: false, noEscape: false });

/** The tabs as people are told them. */
export function tabNames(locale: Locale): Readonly<Record<Tab, string>> {
  return WORDS[locale].tabs;
}

/** `summary.html`: the summary as a page for people, in the requester's language; nothing in it is loaded from elsewhere. */
export function summaryPage(summary: Summary, extras: SummaryExtras): string {
  const words = WORDS[extras.locale];
  const numbers = new Intl.NumberFormat(words.lang);
  const times = new Intl.DateTimeFormat(words.lang, {
    dateStyle: 'long',
    timeStyle: 'long',
    timeZone: extras.timeZone,
  });
  const total = { source: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0, warnings: 0 };
  type Figure = keyof typeof total;
  const figures = Object.keys(total) as Figure[];
  const format = (values: Record<Figure, number>): Record<Figure, string> =>
    Object.fromEntries(figures.map((each) => [each, numbers.format(values[each])])) as Record<Figure, string>;
  const rows = (Object.entries(summary.tabs) as [Tab, TabSummary][]).map(([tab, values]) => {
    for (const each of figures) total[each] += values[each];
    return {
      ...format(values),
      name: words.tabs[tab],
      anyFailed: values.failed > 0,
      digestsMatch: values.digestsMatch,
      proof: values.digestsMatch ? words.proven : words.unproven,
      sourceDigest: values.sourceDigest,
    };
  });
  return render({
    words,
    images: imagesOf(summary, words, numbers),
    title: words.title[summary.phase],
    request: summary.request,
    portal: summary.portal,
    started: times.format(new Date(summary.startedAt)),
    ended: times.format(new Date(summary.endedAt)),
    rows,
    total: format(total),
    failedFiles: extras.failedFiles,
    superseded: extras.superseded === null ? '' : numbers.format(extras.superseded),
    discrepancies: extras.discrepancies === 0 ? '' : numbers.format(extras.discrepancies),
    ignored: extras.ignored,
  });
}

/** What the page says of images in bodies, or null when there are none. */
function imagesOf({ inlineImages }: Summary, words: Words, numbers: Intl.NumberFormat) {
  if (inlineImages === undefined || inlineImages.bodies === 0) return null;
  const { shown, embedded, notShown } = inlineImages;
  return {
    shown: numbers.format(shown),
    embedded: numbers.format(embedded),
    notShown: UNSHOWN_CODES.flatMap((code) => {
      const count = notShown[code];
      return count === undefined ? [] : [{ name: words.unshown[code], count: numbers.format(count) }];
    }),
  };
}
