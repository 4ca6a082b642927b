import { describe, expect, test } from 'vitest';
import { bareContentId, foldedPath, ownerKey, resolveImage, type TicketFile } from './resolve-image.ts';

const BODY = ownerKey('threads', 'p/files/1');

function file(externalId: string, more: Partial<TicketFile> = {}): TicketFile {
  return {
    externalId,
    deskId: `desk-${externalId}`,
    fileName: `${externalId}.png`,
    path: foldedPath(`files/${externalId}.png`),
    contentId: null,
    owner: ownerKey('tickets', 'p/files/1'),
    sha256: `hash of ${externalId}`,
    ...more,
  };
}

const found = (url: string, files: readonly TicketFile[], isImage = true): string | null => {
  const resolved = resolveImage({ reference: url, url, isImage }, files, BODY);
  if (resolved === null) return null;
  return 'why' in resolved ? resolved.why : resolved.attachmentId;
};

describe('C4: the attachment that an image means', () => {
  test.each([
    ['cid:Logo@Mail', 'desk-a'],
    ['cid:logo@mail', 'desk-a'],
    ['cid:<Logo@Mail>', 'desk-a'],
    ['cid:b.PNG@01D9', 'desk-b'],
    ['cid:b.png', 'desk-b'],
    ['cid:a.png@01D9', 'NOT_FOUND'],
    ['cid:%E0%A4%A', 'NOT_FOUND'],
    ['.\\FILES\\B.png', 'desk-b'],
    ['b.png#part', 'desk-b'],
    ['77', 'NOT_FOUND'],
    ['/attachments/77', 'desk-77'],
    ['https://old.example/attachments/77/view.aspx?w=1', 'desk-77'],
    ['https://old.example/get?attachment=77', 'desk-77'],
    ['//old.example/inline/b.png', 'desk-b'],
    ['https://shop.example/products/77', 'REMOTE'],
    ['https://shop.example/b.png', 'REMOTE'],
    ['ftp://old.example/x.gif', 'NOT_FOUND'],
    ['?', 'NOT_FOUND'],
  ])('%s is %s', (url, expected) => {
    const files = [
      file('a', { contentId: bareContentId(' <Logo@Mail> ') }),
      file('b'),
      file('77', { fileName: '', path: '' }),
    ];
    expect(found(url, files)).toBe(expected);
  });

  test('a link that means none is a link like any other', () => {
    expect(found('https://old.example/attachments/78', [file('77')], false)).toBeNull();
    expect(found('https://old.example/attachments/77', [file('77')], false)).toBe('desk-77');
  });

  test('what came with the same message comes first, also when it failed: another picture of that name is not it', () => {
    const others = [file('1', { fileName: 'x.png' }), file('2', { fileName: 'x.png' })];
    const own = file('3', { fileName: 'x.png', owner: BODY });
    expect(found('cid:x.png@1', others)).toBe('AMBIGUOUS');
    expect(found('cid:x.png@1', [...others, own])).toBe('desk-3');
    expect(found('cid:x.png@1', [...others, { ...own, deskId: null }])).toBe('ATTACHMENT_FAILED');
  });

  test('a record of another tab with the same desk id is another message', () => {
    const files = ['tickets', 'threads'].map((tab, number) =>
      file(String(number), {
        fileName: 'x.png',
        owner: ownerKey(tab === 'tickets' ? 'tickets' : 'threads', 'p/files/1'),
      }),
    );
    expect(found('cid:x.png@1', files)).toBe('desk-1');
  });

  test('several with one content are one, unless nobody knows their content', () => {
    const twins = ['1', '2'].map((id) => file(id, { fileName: 'x.png', sha256: 'same' }));
    expect(found('x.png', twins)).toBe('desk-1');
    expect(
      found(
        'x.png',
        twins.map((each) => ({ ...each, sha256: null })),
      ),
    ).toBe('AMBIGUOUS');
    expect(found('x.png', [...twins, file('3', { fileName: 'x.png', deskId: null })])).toBe('desk-1');
  });
});
