/** An image, or a link that may lead to an attachment, as a body names it (C4). */
export interface ImageReference {
  /** as it stands in the body, character by character: what a viewer looks for */
  reference: string;
  /** the address it means: without entities and surrounding space */
  url: string;
  /** whether it is shown in the text; a link is only followed */
  isImage: boolean;
}

/** The images of one body. */
export interface BodyImages {
  /** each once, in the order of their first appearance */
  references: ImageReference[];
  /** well-formed `data:` images: they need nothing else */
  embedded: number;
  /** beginnings of images that nobody can show: damaged `data:`, or an address without end */
  malformed: string[];
  /** whether there are more than MOST_REFERENCES; the rest is not looked at */
  tooMany: boolean;
}

/** Most references of one body that are looked at. */
export const MOST_REFERENCES = 1_000;
/** Longest address that is looked at; `data:` images may be longer. */
const LONGEST_URL = 2_048;

/** Only links with one of these words may lead to an attachment: every mail holds others. Without their first letter, which may be a capital. */
const LINK_WORDS = ['ttachment', 'ownload'] as const;

const LETTER = { a: 97, c: 99, d: 100, f: 102, i: 105, l: 108, m: 109, n: 110, t: 116, v: 118 } as const;
const SPACE = 32;
/** Most spaces before an equals sign. */
const MOST_SPACES = 8;
const SLASH = 47;
const COLON = 58;
const BRACKET = 93;

/**
 * Whether a body may hold an image or a link to an attachment. It only looks beside characters that are rare in a text, so that
 * a body without images costs next to nothing; of the others it lets some through that hold none.
 */
export function mayHoldImages(text: string): boolean {
  // a small letter's code, of a capital as well
  const at = (place: number): number => text.charCodeAt(place) | 0x20;
  let hasLink = false;
  // <img, <image, <input; <v:imagedata, <video
  for (let p = text.indexOf('<'); p !== -1; p = text.indexOf('<', p + 1)) {
    const first = at(p + 1);
    const second = at(p + 2);
    if (first === LETTER.i && (second === LETTER.m || second === LETTER.n)) return true;
    if (first === LETTER.v && (second === COLON || second === LETTER.i)) return true;
  }
  // cid:, data:, http://
  for (let p = text.indexOf(':'); p !== -1; p = text.indexOf(':', p + 1)) {
    const next = text.charCodeAt(p + 1);
    if (next === SLASH) hasLink = true;
    else if (next !== SPACE) {
      const before = at(p - 1);
      if (before === LETTER.d && at(p - 2) === LETTER.i && at(p - 3) === LETTER.c) return true;
      if (before === LETTER.a && at(p - 2) === LETTER.t && at(p - 3) === LETTER.a) return true;
    }
  }
  // url(, ](
  for (let p = text.indexOf('('); p !== -1; p = text.indexOf('(', p + 1)) {
    if (at(p - 1) === LETTER.l || text.charCodeAt(p - 1) === BRACKET) return true;
  }
  // background=, href=
  for (let p = text.indexOf('='); p !== -1; p = text.indexOf('=', p + 1)) {
    let end = p - 1;
    while (text.charCodeAt(end) === SPACE && end >= p - MOST_SPACES) end--;
    if (at(end) === LETTER.d && at(end - 1) === LETTER.n) return true;
    if (at(end) === LETTER.f) hasLink = true;
  }
  return hasLink && leadsToAttachment(text);
}

function leadsToAttachment(text: string): boolean {
  return LINK_WORDS.some((word) => text.includes(word));
}

/** Where an address may begin, each with as many characters as a line of it can have: never more than one pass over the text. */
const PLACES = new RegExp(
  [
    // 1 a tag's name
    String.raw`<(?!cid:)([a-z][a-z0-9:]{0,20})`,
    // 2 an attribute, 3 its quote
    String.raw`\b(src|href|background|poster)\s{0,8}=\s{0,8}(["']?)`,
    // 4 of a style, 5 its quote
    String.raw`\b(url)\(\s{0,8}(&quot;|["']?)`,
    // 6 Markdown
    String.raw`(!\[[^\]\n]{0,100}\]\(\s{0,4})`,
    // 7 none of these
    String.raw`(?<![\w.-])(?=cid:|https?:\/\/)()`,
  ].join('|'),
  'gi',
);

const SHOWN: Readonly<Record<string, readonly string[]>> = {
  src: ['img', 'image', 'input', 'v:imagedata', 'v:fill'],
  href: ['image', 'v:imagedata'],
  poster: ['video'],
};
const FOLLOWED = ['a', 'area'];
/** What ends an address that stands in no quotes. */
const UNQUOTED_END = /[\s"'<>)\]]/g;

/**
 * Finds the images of a body and its links to attachments: `src`, `href`, `background` and `poster` of HTML, `url()` of its styles,
 * Markdown, and bare `cid:` and `http:` addresses. One pass, whatever the text (C4).
 */
export function findImages(text: string): BodyImages {
  const found: BodyImages = { references: [], embedded: 0, malformed: [], tooMany: false };
  if (!mayHoldImages(text)) return found;
  const seen = new Set<string>();
  const missing = new Set<string>();
  let tag = '';
  PLACES.lastIndex = 0;
  for (let match = PLACES.exec(text); match !== null && !found.tooMany; match = PLACES.exec(text)) {
    if (match[1] !== undefined) {
      tag = match[1].toLowerCase();
      continue;
    }
    const isBare = match[7] !== undefined;
    const from = match.index + match[0].length;
    const end = endOf(text, from, match[3] ?? match[5] ?? '', missing);
    PLACES.lastIndex = Math.max(end, isBare ? from + 1 : from);
    let value = text.slice(from, end);
    if (isBare) value = value.replace(/[.,;:!?]{1,3}$/, '');
    const role = roleOf(match, tag, value);
    if (role !== null) take(found, seen, value, role === 'shown');
  }
  return found;
}

type Role = 'shown' | 'followed' | null;

/** Whether an address is shown or followed where it stands, or null when it is neither. */
function roleOf(match: RegExpExecArray, tag: string, value: string): Role {
  const { index, input } = match;
  const isBare = match[7] !== undefined;
  if (value.trim() === '') return null;
  if (/^\s*cid:/i.test(value)) {
    // in running text only where mail programs write one: [cid:image001.png@01D9], <cid:...>
    const isMeant =
      !isBare || value.includes('@') || (index > 0 && '[(<"\''.includes(input.charAt(index - 1)));
    return isMeant && value.trim().length > 'cid:'.length ? 'shown' : null;
  }
  if (isBare) return 'followed';
  if (match[6] !== undefined) return 'shown';
  if (match[4] !== undefined) {
    // a style sheet's fonts and imports are no images
    const before = input.slice(Math.max(0, index - 60), index);
    return /@import\s*$|src\s*:[^;{}]*$/i.test(before) ? null : 'shown';
  }
  const attribute = match[2]?.toLowerCase() ?? '';
  if (attribute === 'background' || SHOWN[attribute]?.includes(tag) === true) return 'shown';
  return attribute === 'href' && FOLLOWED.includes(tag) ? 'followed' : null;
}

/** Where an address ends. A quote that is never closed closes at the end of the text, as it does for a browser. */
function endOf(text: string, from: number, quote: string, missing: Set<string>): number {
  if (quote !== '') {
    const end = missing.has(quote) ? -1 : text.indexOf(quote, from);
    if (end !== -1) return end;
    // nobody looks for it a second time
    missing.add(quote);
  }
  UNQUOTED_END.lastIndex = from;
  return UNQUOTED_END.exec(text)?.index ?? text.length;
}

function take(found: BodyImages, seen: Set<string>, value: string, isImage: boolean): void {
  const url = value.trim();
  if (/^data:/i.test(url)) {
    if (!isImage) return;
    if (isSoundData(url)) found.embedded++;
    else note(found, url);
    return;
  }
  if (url.startsWith('#') || /^(?:mailto|tel|javascript|about):/i.test(url)) return;
  if (url.length > LONGEST_URL) {
    if (isImage) note(found, url);
    return;
  }
  if (!isImage && !leadsToAttachment(url)) return;
  if (seen.has(value)) return;
  if (found.references.length === MOST_REFERENCES) {
    found.tooMany = true;
    return;
  }
  seen.add(value);
  found.references.push({ reference: value, url: withoutEntities(url), isImage });
}

function note(found: BodyImages, url: string): void {
  if (found.malformed.length === MOST_REFERENCES) found.tooMany = true;
  else found.malformed.push(url.slice(0, LONGEST_URL));
}

/** Whether a `data:` address holds an image that can be read: its type, and base64 that is whole. */
function isSoundData(url: string): boolean {
  const comma = url.indexOf(',');
  if (comma === -1 || comma > 200 || comma === url.length - 1) return false;
  const head = url.slice(5, comma).toLowerCase();
  if (!head.startsWith('image/')) return false;
  return !head.endsWith(';base64') || isBase64(url, comma + 1);
}

const NOT_BASE64 = 0;
const DIGIT = 1;
const PADDING = 2;
const BETWEEN = 3;
const KINDS = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z0-9+/_-]/.test(character)) KINDS[code] = DIGIT;
  else if (character === '=') KINDS[code] = PADDING;
  else if (/[ \t\r\n]/.test(character)) KINDS[code] = BETWEEN;
}

function isBase64(url: string, from: number): boolean {
  let digits = 0;
  let padding = 0;
  for (let at = from; at < url.length; at++) {
    const code = url.charCodeAt(at);
    let kind = code < 128 ? KINDS[code] : NOT_BASE64;
    if (code === 37) {
      // percent-encoded: +, / and = are what it stands for
      const escaped = /^%(2b|2f|3d)$/i.exec(url.slice(at, at + 3))?.[1];
      if (escaped === undefined) return false;
      kind = escaped.toLowerCase() === '3d' ? PADDING : DIGIT;
      at += 2;
    }
    if (kind === NOT_BASE64) return false;
    if (kind === PADDING) padding++;
    else if (kind === DIGIT) {
      if (padding > 0) return false;
      digits++;
    }
  }
  const rest = digits % 4;
  return digits > 1 && rest !== 1 && padding <= 2 && (padding === 0 || (digits + padding) % 4 === 0);
}

const ENTITIES: Readonly<Record<string, string | undefined>> = {
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
};

function withoutEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(x?)([0-9a-f]{1,7})|(amp|quot|apos|lt|gt));/gi,
    (whole: string, x: string, digits: string | undefined, name: string) => {
      if (digits === undefined) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = x === '' ? Number(digits) : Number.parseInt(digits, 16);
      return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
    },
  );
}

/** A reference as a report may show it: short, without query strings and other secrets. */
export function shownReference(reference: string): string {
  const url = reference.trim();
  if (/^data:/i.test(url))
    return `${url.slice(0, Math.min(40, url.indexOf(',') === -1 ? 40 : url.indexOf(',') + 1))}…`;
  const open = url
    .replace(/[?#].*$/s, '')
    .replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/@]*@/i, '$1//')
    .replace(/(\/tokens?\/)[^/]+/gi, '$1…');
  return open.length > 200 ? `${open.slice(0, 200)}…` : open;
}
