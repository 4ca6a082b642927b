import sanitizeHtml from 'sanitize-html';

/** The text of a reply stands at its beginning; of a larger page the rest is history. */
const MOST_CHARACTERS = 1_000_000;
const DEEPEST = 200;

const BLOCKS = [
  'address',
  'article',
  'blockquote',
  'center',
  'dd',
  'div',
  'dl',
  'dt',
  'footer',
  'form',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'header',
  'hr',
  'li',
  'main',
  'ol',
  'p',
  'pre',
  'section',
  'table',
  'tr',
  'ul',
];

/** Above the original message, Outlook puts an element of one of these ids. */
const HISTORY_IDS = new Set(['appendonsend', 'divrplyfwdmsg', 'mail-editor-reference-message-container']);

const QUOTE_CLASS = /gmail_attr|yahoo_quoted|moz-cite-prefix|protonmail_quote|moz-signature/;

/** Elements that hold nothing, or that end by themselves where the next one begins. */
const NOT_NESTING =
  /^(?:br|hr|img|meta|link|input|col|wbr|area|base|source|p|li|d[dt]|t[rdh]|thead|tbody|tfoot|option|o:p)$/i;

/** Where a block begins or ends; of no meaning in any text, and taken out of the page before. */
const EDGE = '\ue000';

type Attributes = Readonly<Record<string, string>>;

/**
 * The text of an HTML body, without what mail programs mark as quoted and without anything that is not text: scripts,
 * styles, addresses of links and images.
 */
export function textOfHtml(html: string): string {
  const reduced = sanitizeHtml(upToDepth(html.slice(0, MOST_CHARACTERS)), {
    allowedTags: [...BLOCKS, 'br', 'td', 'th'],
    allowedAttributes: { '*': ['class', 'id', 'type'] },
    nonTextTags: ['script', 'style', 'textarea', 'option', 'noscript', 'title', 'xmp'],
    nestingLimit: DEEPEST,
    transformTags: {
      div: (tagName, attribs) =>
        HISTORY_IDS.has((attribs['id'] ?? '').toLowerCase())
          ? { tagName, attribs: {}, text: '-----Original Message-----' }
          : { tagName, attribs },
    },
    exclusiveFilter: ({ tag, attribs }) => isQuoted(tag, attribs),
  });
  return decoded(
    reduced
      .replaceAll(EDGE, '')
      .replace(/\s+/g, ' ')
      .replace(/<br[^>]*>/g, '\n')
      .replace(/<\/t[dh]>/g, '\t')
      .replace(/<\/?([a-z0-9]+)[^>]*>/g, (_tag, name: string) => (BLOCKS.includes(name) ? EDGE : '')),
  )
    .replace(/[ \ue000]+/g, (run) => (run.includes(EDGE) ? '\n' : run))
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();
}

/** The page up to where its elements are nested deeper than any real one's: parsing takes time in the square of the depth. */
function upToDepth(html: string): string {
  let depth = 0;
  for (const tag of html.matchAll(/<(\/?)([a-z][a-z0-9:]{0,20})/gi)) {
    if (NOT_NESTING.test(tag[2] ?? '')) continue;
    depth = Math.max(0, depth + (tag[1] === '' ? 1 : -1));
    if (depth > 10 * DEEPEST) return html.slice(0, tag.index);
  }
  return html;
}

function isQuoted(tag: string, attributes: Attributes): boolean {
  const marks = `${attributes['class'] ?? ''} ${attributes['id'] ?? ''}`.toLowerCase();
  if (tag === 'blockquote') return attributes['type']?.toLowerCase() === 'cite' || marks.includes('quote');
  return tag === 'div' && QUOTE_CLASS.test(marks);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };

/** The cleaned page writes these four entities and no others. */
function decoded(text: string): string {
  return text
    .replace(/&(lt|gt|quot|amp);/g, (entity, name: string) => ENTITIES[name] ?? entity)
    .replace(/\u00a0/g, ' ');
}
