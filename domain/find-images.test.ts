import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findImages, mayHoldImages, MOST_REFERENCES, shownReference } from './find-images.ts';

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const images = (text: string) =>
  findImages(text)
    .references.filter((each) => each.isImage)
    .map(({ url }) => url);
const links = (text: string) =>
  findImages(text)
    .references.filter((each) => !each.isImage)
    .map(({ url }) => url);

describe('C4: the images of a body', () => {
  test.each([
    ['<img src="cid:image001.png@01D9">', 'cid:image001.png@01D9'],
    ["<IMG alt='a > b' SRC='CID:x'>", 'CID:x'],
    ['<img src=cid:plain width=3>', 'cid:plain'],
    ['<img\n  src = "/attachments/5?a=1&amp;b=2">', '/attachments/5?a=1&b=2'],
    ['<td background="bg.gif">', 'bg.gif'],
    ['<div style="background-image: url(&quot;cid:b&quot;)">', 'cid:b'],
    ["<p style='background:url(pic.png)'>", 'pic.png'],
    ['<v:imagedata src="cid:image002.jpg@01D9" o:title="x"/>', 'cid:image002.jpg@01D9'],
    ['Hello [cid:image003.png@01D9.12] there', 'cid:image003.png@01D9.12'],
    ['See <cid:abc> for it', 'cid:abc'],
    ['![a screenshot](shots/one.png)', 'shots/one.png'],
    ['<img src="https://help.example/i/1.png">', 'https://help.example/i/1.png'],
    ['<img src=" a b.png ">', 'a b.png'],
    ['<img src="&#99;id:e&#x40;f">', 'cid:e@f'],
  ])('%s', (text, url) => {
    expect(images(text)).toEqual([url]);
    expect(mayHoldImages(text)).toBe(true);
  });

  test.each([
    'Customer (cid:) 12, placid: no; CID:12345 is their number.',
    '<p>Hello, <b>you</b></p><a href="https://shop.example/products/12">12</a>',
    '<style>@import url(https://fonts.example/a.css); @font-face{src: local(x), url(f.woff)}</style>',
    '<script src="x.js"></script><iframe src="https://v.example/1"></iframe><link href="a.css">',
    '<a href="#top">up</a> <a href="mailto:download@help.example">mail</a>',
    '<img src=""><img alt="none">',
    'see the attachment, as of 10:30 (all of it)',
  ])('none: %s', (text) => {
    expect(findImages(text)).toEqual({ references: [], embedded: 0, malformed: [], tooMany: false });
  });

  test('a reference is kept character by character, each once, in the order of the text', () => {
    const text = '<img src="b.png?x=1&amp;y=2"><img src="a.png"><img src="b.png?x=1&amp;y=2">';
    expect(findImages(text).references.map(({ reference }) => reference)).toEqual([
      'b.png?x=1&amp;y=2',
      'a.png',
    ]);
  });

  test('links that may lead to an attachment are told from images, and from other links', () => {
    const text =
      '<a href="https://old.example/attachments/77">report.pdf</a> https://old.example/attachments/78. (https://old.example/t/9)';
    expect(links(text)).toEqual(['https://old.example/attachments/77', 'https://old.example/attachments/78']);
    expect(images(text)).toEqual([]);
  });

  test('data: images that are whole need nothing; damaged ones are named', () => {
    const sound = [
      `data:image/png;base64,${PIXEL}`,
      'data:image/gif;base64,R0lG\r\nODlh',
      'data:image/svg+xml,%3Csvg/%3E',
    ];
    const damaged = [
      `data:image/png;base64,${PIXEL.slice(0, 41)}`,
      'data:image/png;base64,****',
      'data:text/plain,x',
      'data:image/png;base64',
      'data:image/png;base64,AA==AA',
    ];
    const all = findImages([...sound, ...damaged].map((url) => `<img src="${url}">`).join('\n'));
    expect(all).toMatchObject({ references: [], embedded: sound.length });
    expect(all.malformed).toEqual(damaged);
  });

  test('more references than are looked at are told, not forgotten', () => {
    const text = Array.from({ length: MOST_REFERENCES + 1 }, (_, i) => `<img src="${i}.png">`).join('');
    const { references, tooMany } = findImages(text);
    expect(references).toHaveLength(MOST_REFERENCES);
    expect(tooMany).toBe(true);
  });

  test('whatever is found was there, and the quick look lets every body with images through', () => {
    const piece = fc.constantFrom(
      '<img ',
      '<a ',
      'src=',
      'href=',
      'background=',
      '"',
      "'",
      ' ',
      '>',
      'url(',
      ')',
      'cid:',
      'data:image/png;base64,',
      'AAAA',
      'http://',
      'attachment',
      '![',
      '](',
      'x.png',
      '&amp;',
      '&quot;',
      '\n',
      'é',
      '写真',
      '@',
      '[',
      ']',
      '=',
      ':',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        const { references, embedded, malformed } = findImages(text);
        for (const { reference } of references) expect(text).toContain(reference);
        const any = references.length + embedded + malformed.length > 0;
        expect(mayHoldImages(text) || !any).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['<img src="', '<img src="'],
    ["url('", 'url('],
    ['![', '!['],
    ['cid:', 'cid:'],
    ['<', '<'],
    ['data:image/png;base64,AAAA', 'data:image/png;base64,AAAA'],
    ['spaces', '<img src='.padEnd(60)],
  ])('however a body is made up, one pass is enough: %s', (_, piece) => {
    const milliseconds = (bytes: number): number => {
      const text = piece.repeat(Math.ceil(bytes / piece.length));
      const begun = performance.now();
      findImages(text);
      return performance.now() - begun;
    };
    milliseconds(100_000);
    // eight times the text takes about eight times as long; a look at every rest of it would take sixty-four
    expect(milliseconds(4_000_000)).toBeLessThan(Math.max(200, milliseconds(500_000)) * 30);
  });

  test('what a report shows of a reference holds no query, no password, no token', () => {
    expect(shownReference('https://a:b@old.example/i/1.png?token=s#t')).toBe('https://old.example/i/1.png');
    expect(shownReference('https://old.example/attachments/token/AbC/?name=x.png')).toBe(
      'https://old.example/attachments/token/…/',
    );
    expect(shownReference(`data:image/png;base64,${PIXEL}`)).toBe('data:image/png;base64,…');
    expect(shownReference(`https://old.example/${'x'.repeat(300)}`)).toHaveLength(201);
  });
});
