import { crc32, deflateSync } from 'node:zlib';
import type { Random } from './random.ts';

export type AttachmentKind = 'png' | 'txt' | 'pdf';

export const CONTENT_TYPES: Readonly<Record<AttachmentKind, string>> = {
  png: 'image/png',
  txt: 'text/plain',
  pdf: 'application/pdf',
};

/** A small attachment file's bytes: a picture that opens, a log, a one-page PDF. */
export function attachmentBytes(kind: AttachmentKind, random: Random): Buffer {
  switch (kind) {
    case 'png':
      return png(random, 8 + random.int(24));
    case 'txt':
      return Buffer.from(
        Array.from(
          { length: 5 + random.int(30) },
          (_, line) =>
            `12:${String(line).padStart(2, '0')} sensor=${random.int(1000)} 状態=${random.pick(['正常', '異常'])}`,
        ).join('\r\n'),
      );
    case 'pdf':
      return pdf(`Delivery note ${100_000 + random.int(900_000)}`);
  }
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A square RGB picture of `size` pixels a side. */
function png(random: Random, size: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let at = 0; at < rows.length; at++) rows[at] = at % (1 + size * 3) === 0 ? 0 : random.int(256);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pdf(line: string): Buffer {
  const text = `BT /F1 18 Tf 72 720 Td (${line}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let file = '%PDF-1.4\n';
  const offsets = objects.map((body, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const table = file.length;
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  file += `xref\n0 6\n0000000000 65535 f \n${entries}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, 'latin1');
}
