import sanitizeHtml from 'sanitize-html';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Summary, summaryPage, type TabSummary } from '../activities/summary-page.ts';
import { undoPage } from '../activities/undo-page.ts';
import { docsPage } from '../api/docs-page.ts';
import { describeRoutes } from '../api/describe-api.ts';
import { openApiDocument } from '../api/openapi.ts';
import { MESSAGE_KINDS } from '../domain/message.ts';
import type { Locale } from '../domain/request.ts';
import { composeMessage } from '../mail/compose-message.ts';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  runPhase,
  startEngine,
} from './import-engine.ts';

/** What has run scripts in pages that took it for markup; each is shown as the text it is. */
const VECTORS = [
  '<script>alert(1)</script>',
  '"><script src=//evil.example/x.js></script>',
  `'"--></style></script></title></textarea><svg onload=alert(1)>`,
  '<img src=x onerror=alert(1)>',
  '<IMG SRC="jav&#x09;ascript:alert(1);">',
  '<a href="javascript:alert(1)">click</a>',
  'javascript:alert(document.domain)',
  '" onmouseover="alert(1)" x="',
  "' autofocus onfocus='alert(1)",
  '<svg/onload=alert(1)//',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<details open ontoggle=alert(1)>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=1 onerror=alert(1)>">',
  '<!--<img src="--><img src=x onerror=alert(1)//">',
  '<meta http-equiv="refresh" content="0;url=data:text/html,<script>alert(1)</script>">',
  '<base href="//evil.example/">',
  '<form action="javascript:alert(1)"><button>go</button></form>',
  '<style>@import "//evil.example/x.css";</style>',
  '<div style="background:url(javascript:alert(1))">',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;script&#62;alert(1)&#60;/script&#62;',
  '\\u003cscript\\u003ealert(1)\\x3c/script\\x3e',
  '{{constructor.constructor("alert(1)")()}}',
  '{{{this}}} {{#with "s" as |string|}}{{/with}} $t(closing) ${7*7}',
  '<%= 7*7 %> [[x]](javascript:alert(1)) ![x](x"onerror="alert(1))',
  '+ADw-script+AD4-alert(1)+ADw-/script+AD4-',
  '<sc\u00adript>alert(1)</sc\u00adript>\u2028<\uff53cript>',
  '＜script＞alert(1)＜/script＞',
  '<ｉｍｇ src=x onerror=alert(1)>``',
];
/** As harmless as a value can be. */
const HARMLESS = 'quite-harmless';

/** A page as a parser reads it. */
interface Parsed {
  /** every element with its attributes, in order */
  elements: { name: string; attributes: Record<string, string> }[];
  text: string;
}

function parse(html: string): Parsed {
  const elements: Parsed['elements'] = [];
  let text = '';
  sanitizeHtml(html, {
    allowedTags: false,
    allowedAttributes: false,
    allowVulnerableTags: true,
    onOpenTag: (name, attributes) => elements.push({ name, attributes: { ...attributes } }),
    textFilter(escaped) {
      text += escaped;
      return escaped;
    },
  });
  for (const [entity, character] of [
    ['&lt;', '<'],
    ['&gt;', '>'],
    ['&quot;', '"'],
    ['&amp;', '&'],
  ] as const) {
    text = text.replaceAll(entity, character);
  }
  return { elements, text };
}

/** What runs or fetches something. */
function active({ elements }: Parsed): string[] {
  return elements.flatMap(({ name, attributes }) => [
    ...(/^(?:script|iframe|object|embed|base|form|svg|math|link|img)$/.test(name) ? [name] : []),
    ...Object.entries(attributes).flatMap(([attribute, value]) =>
      /^on/i.test(attribute) || attribute === 'srcdoc' || /^\W*(?:javascript|data|vbscript)\s*:/i.test(value)
        ? [`${name} ${attribute}=${value}`]
        : [],
    ),
  ]);
}

/** A page made of values is the same page whatever they are, and shows them as text: the values of which that is not so. */
function harmful(page: (value: string) => string, vectors: readonly string[] = VECTORS): string[] {
  const plain = parse(page(HARMLESS));
  const shown = plain.text.split(HARMLESS).length;
  if (shown === 1 || active(plain).length > 0) return [HARMLESS];
  return vectors.filter((vector) => {
    const { elements, text } = parse(page(vector));
    return JSON.stringify(elements) !== JSON.stringify(plain.elements) || text.split(vector).length !== shown;
  });
}

const TAB: TabSummary = {
  source: 1,
  created: 0,
  updated: 0,
  unchanged: 0,
  skipped: 0,
  failed: 1,
  warnings: 0,
  sourceDigest: 'a',
  deskDigest: 'a',
  digestsMatch: true,
};
const LOCALES: readonly Locale[] = ['en', 'ja'];

describe('H: hostile values are text', () => {
  it('H: a parser finds the vectors where they are not escaped', () => {
    const found = VECTORS.filter((vector) => active(parse(`<p title="${vector}">${vector}</p>`)).length > 0);
    expect(found.length).toBeGreaterThan(12);
  });

  it.each(LOCALES)('H, C7: in the pages of reports, in %s', (locale) => {
    const times = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T01:00:00.000Z' };
    const summary: Omit<Summary, 'request' | 'portal'> = {
      phase: 'phase-1',
      ...times,
      tabs: { tickets: TAB },
      inlineImages: { bodies: 1, shown: 0, embedded: 0, notShown: { REMOTE: 1 } },
    };
    expect(
      harmful((value) =>
        summaryPage(
          { ...summary, request: value, portal: value },
          {
            locale,
            timeZone: 'UTC',
            superseded: 1,
            discrepancies: 1,
            failedFiles: [value, value],
            ignored: [{ name: value, reason: value }],
          },
        ),
      ),
    ).toEqual([]);
    expect(
      harmful((value) =>
        undoPage(
          {
            request: value,
            report: 'undo',
            portal: value,
            ...times,
            tabs: {},
            linksRemoved: 0,
            filesRemoved: 0,
          },
          { locale, timeZone: 'UTC' },
        ),
      ),
    ).toEqual([]);
  });

  it.each(MESSAGE_KINDS)('H, A1: in the mail %s', (kind) => {
    for (const locale of LOCALES) {
      expect(
        harmful(
          (value) =>
            composeMessage({
              kind,
              locale,
              timeZone: 'Asia/Tokyo',
              request: value,
              state: 'REPLY_WINDOW',
              name: value,
              system: value,
              portal: value,
              ticket: value,
              phase: 'phase-1',
              reason: value,
              counts: { tickets: TAB },
              report: {
                version: 2,
                attached: false,
                link: 'https://deskferry.example/report',
                expiresAt: 0,
              },
            }).html,
        ),
      ).toEqual([]);
    }
  });

  it('H: in the page that describes the API', () => {
    const document = openApiDocument('', describeRoutes(''));
    expect(active(parse(docsPage(document)))).toEqual([]);
    const [tag] = document.tags ?? [];
    // descriptions may hold code between backticks
    const page = (value: string): string =>
      docsPage({
        ...document,
        info: { ...document.info, summary: value, description: value },
        tags: [{ name: tag?.name ?? '', description: value }],
      });
    expect(
      harmful(
        page,
        VECTORS.map((vector) => vector.replaceAll('`', '')),
      ),
    ).toEqual([]);
  });
});

describe('H: a hostile export', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  it('H, C7: its report is a page of text, with the names of its files', async () => {
    // what may be a file's name has no slash
    const names = VECTORS.filter((vector) => !/[/\\\p{Cc}\p{Cf}\p{Zl}]/u.test(vector)).slice(0, 8);
    expect(names.length).toBe(8);
    const files = names.map((vector, index) => {
      const head = ['ContactExtId', 'Last Name', 'Email', vector];
      const rows = [
        [`${vector}${index}`, vector, 'no mail', vector],
        [`c${index}`, vector, '', vector],
        ['', vector, '', vector],
      ];
      return [`Contacts_${index} ${vector}.csv`, csvText(head, rows)] as const;
    });
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, Object.fromEntries(files), { tabs: ['contacts'] });
    const { report } = await runPhase(engine, request);
    const read = await readReport(engine, request, report);
    const page = parse(String(read.get('summary.html')));
    expect(active(page)).toEqual([]);
    const allowed =
      'html head meta title style body h1 h2 p dl dt dd div table thead tbody tfoot tr th td ul li code';
    expect(
      page.elements.map(({ name }) => name).filter((name) => !allowed.split(' ').includes(name)),
    ).toEqual([]);
    for (const vector of names) expect(page.text).toContain(vector);
  });
});
