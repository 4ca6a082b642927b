import { ByteWindow } from './byte-window.ts';
import { collectHeader, type Element, type ReadElementsOptions, readElements } from './read-elements.ts';
import type { OpenBytes, RowBatch } from './rows.ts';
import { type Boundary, skipBlanks, takeUntil } from './take-element.ts';
import { xmlRecord } from './xml-record.ts';

const FORMAT = { split: splitXml, fieldsOf: xmlRecord };

/**
 * Reads an XML part: the elements within the root are its records. A record that is not well-formed fails alone; what follows
 * a fault that leaves no way on is one malformed row. A document type definition is never followed.
 * @param open opens the part's bytes in UTF-8
 */
export function readXml(
  open: OpenBytes,
  options: ReadElementsOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  return readElements(FORMAT, open, options);
}

/** The columns of an XML part; null = more than a table can have. */
export function xmlHeader(open: OpenBytes): Promise<string[] | null> {
  return collectHeader(FORMAT, open);
}

const STRAY = 'text between records';
const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const DASH = 0x2d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const CDATA_MARK = Buffer.from('CDATA[');

type Markup = 'open' | 'empty' | 'close' | 'comment' | 'cdata' | 'instruction' | 'declaration' | 'text';

/** What the follower is in; as yet untold markup too. */
type Kind = Markup | 'new' | 'bang' | 'bang-dash' | 'bang-bracket';

/** Follows markup byte by byte and says what each piece of it was, when it ends. */
class MarkupFollower {
  #kind: Kind = 'text';
  #run = 0;
  #quote = 0;
  #last = 0;
  /** whether a declaration holds definitions of its own */
  definitions = false;

  /** Takes the next byte; the kind of the markup it ends, `text` for a byte of text, or null within markup. */
  step(c: number): Markup | null {
    switch (this.#kind) {
      case 'text':
        if (c !== LT) return 'text';
        this.#kind = 'new';
        this.#last = 0;
        return null;
      case 'new':
        if (c === BANG) this.#kind = 'bang';
        else if (c === QUESTION) this.#begin('instruction');
        else if (c === SLASH) this.#begin('close');
        else {
          this.#begin('open');
          return this.#inTag(c);
        }
        return null;
      case 'bang':
        if (c === DASH) this.#kind = 'bang-dash';
        else if (c === OPEN_BRACKET) this.#begin('bang-bracket');
        else return this.#declare(c);
        return null;
      case 'bang-dash':
        if (c !== DASH) return this.#declare(c);
        this.#begin('comment');
        return null;
      case 'bang-bracket':
        if (c !== CDATA_MARK[this.#run++]) {
          const ended = this.#declare(c);
          this.definitions = true;
          return ended;
        }
        if (this.#run === CDATA_MARK.length) this.#begin('cdata');
        return null;
      case 'comment':
        return this.#untilRun(c, DASH);
      case 'cdata':
        return this.#untilRun(c, CLOSE_BRACKET);
      case 'instruction':
        if (c === GT && this.#last === QUESTION) return this.#end('instruction');
        this.#last = c;
        return null;
      case 'declaration':
        return this.#inDeclaration(c);
      case 'close':
        return c === GT ? this.#end('close') : null;
      default:
        return this.#inTag(c);
    }
  }

  #begin(kind: Kind): void {
    this.#kind = kind;
    this.#run = 0;
    this.#quote = 0;
    this.#last = 0;
    this.definitions = false;
  }

  #end(kind: Markup): Markup {
    this.#kind = 'text';
    return kind;
  }

  #inTag(c: number): Markup | null {
    if (this.#quote !== 0) {
      if (c === this.#quote) this.#quote = 0;
    } else if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) this.#quote = c;
    else if (c === GT) return this.#end(this.#last === SLASH ? 'empty' : 'open');
    this.#last = c;
    return null;
  }

  #declare(c: number): Markup | null {
    this.#begin('declaration');
    return this.#inDeclaration(c);
  }

  #inDeclaration(c: number): Markup | null {
    if (c === OPEN_BRACKET) this.definitions = true;
    return c === GT ? this.#end('declaration') : null;
  }

  /** Comments end with `-->`, CDATA with `]]>`. */
  #untilRun(c: number, twice: number): Markup | null {
    if (c === GT && this.#run === 2) return this.#end(this.#kind as Markup);
    this.#run = c === twice ? Math.min(this.#run + 1, 2) : 0;
    return null;
  }
}

type Place = 'prolog' | 'root' | 'epilog';
type Item = 'record' | 'skipped' | 'stray' | 'root' | 'close' | 'fault';

/** Finds the end of the item at hand: what it is depends on whether it stands before, within or behind the root. */
class ItemEnd implements Boundary {
  item: Item = 'fault';
  /** why nothing more can be read from here on */
  fault = 'the document breaks off';
  readonly #place: Place;
  readonly #follower = new MarkupFollower();
  #depth = 0;
  #lost = false;

  constructor(place: Place) {
    this.#place = place;
  }

  find(units: Uint8Array, from: number, end: number): number {
    for (let at = from; at < end && !this.#lost; at++) {
      const c = units[at] as number;
      if (this.item === 'stray' && c === LT) return at;
      const piece = this.#follower.step(c);
      if (piece !== null && this.#ends(piece)) return at + 1;
    }
    return -1;
  }

  /** Whether the item ends with this piece of markup. */
  #ends(piece: Markup): boolean {
    if (this.#depth > 0) {
      if (piece === 'open') this.#depth++;
      else if (piece === 'close') this.#depth--;
      return this.#depth === 0;
    }
    if (piece === 'comment' || piece === 'instruction') return this.#found('skipped');
    if (piece === 'declaration' && this.#place === 'prolog' && !this.#follower.definitions)
      return this.#found('skipped');
    if (piece === 'declaration') return this.#lose('a document type definition is not taken');
    if (this.#place === 'root') {
      if (piece === 'close') return this.#found('close');
      if (piece === 'text') return !this.#found('stray');
      if (piece === 'cdata') return this.#found('stray');
      this.item = 'record';
      if (piece === 'open') this.#depth = 1;
      return piece === 'empty';
    }
    if (this.#place === 'prolog' && piece === 'open') return this.#found('root');
    if (this.#place === 'prolog' && piece === 'empty') return this.#found('close');
    return this.#lose(this.#place === 'prolog' ? 'no root element' : 'text after the end of the document');
  }

  #found(item: Item): true {
    this.item = item;
    return true;
  }

  #lose(fault: string): false {
    this.fault = fault;
    this.#lost = true;
    return false;
  }
}

async function* splitXml(open: OpenBytes): AsyncGenerator<Element, void, undefined> {
  const window = await ByteWindow.open(open, 'utf-8', 0);
  try {
    await window.skipByteOrderMark();
    let place: Place = 'prolog';
    while (await skipBlanks(window)) {
      const boundary = new ItemEnd(place);
      const taken = await takeUntil(window, boundary);
      const { item, fault } = boundary;
      if (!taken.found) {
        yield { ...taken, fault: item === 'stray' ? STRAY : fault };
        if (item === 'stray') break;
        return;
      }
      if (item === 'root') place = 'root';
      else if (item === 'close') place = 'epilog';
      else if (item === 'record') yield taken;
      else if (item === 'stray') yield { ...taken, fault: STRAY };
    }
    if (place === 'epilog') return;
    yield { bytes: Buffer.alloc(0), end: window.offset(window.start), fault: 'the document breaks off' };
  } finally {
    await window.close();
  }
}
