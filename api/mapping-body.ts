import { z } from 'zod';
import { readMapping } from '../domain/field-mapping.ts';

const EXAMPLE = {
  version: 1,
  files: [
    {
      file: 'tickets*.csv',
      timeFormat: 'yyyy-MM-dd HH:mm:ss',
      timeZone: 'Asia/Tokyo',
      tabs: [
        {
          tab: 'tickets',
          fields: {
            TicketExtId: 'Ticket ID',
            ContactExtId: { idFrom: 'Customer Email' },
            Subject: { column: 'Title', default: '(no subject)' },
            Status: { column: 'State', values: { New: 'Open', Done: 'Closed' } },
          },
        },
      ],
    },
  ],
};

/** The path in a body that a JSON pointer means. */
function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A field mapping as it is sent (A10, docs/mapping.md). The rules are the domain's own; every fault is told with its place. */
export const mappingBody = z
  .record(z.string(), z.unknown())
  .superRefine((document, context) => {
    const read = readMapping(document);
    if ('mapping' in read) return;
    for (const { pointer, detail } of read.faults) {
      context.addIssue({ code: 'custom', path: pathOf(pointer), message: detail });
    }
  })
  .meta({
    id: 'FieldMapping',
    description:
      'Which columns of a file become which fields of the desk: per file its tabs, per tab its fields, with value maps, time formats and zones, constants and defaults (A10).',
    example: EXAMPLE,
  });
