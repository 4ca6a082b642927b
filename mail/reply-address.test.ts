import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newRequestId } from '../store/requests.ts';
import { isReplyMailbox, ReplyAddressError, replyAddress, requestOfAddress } from './reply-address.ts';

const SECRET = 'a-secret-of-thirty-two-characters';
const MAILBOX = 'replies@deskferry.example';

describe('reply address', () => {
  it('E1: names the request, whatever case the mail servers on the way make of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000_000_000_000 }), fc.boolean(), (now, upper) => {
        const request = newRequestId(now);
        const address = replyAddress(SECRET, request, MAILBOX);
        expect(address.indexOf('@')).toBeLessThanOrEqual(64);
        const travelled = upper ? address.toUpperCase() : address;
        expect(requestOfAddress(SECRET, travelled, MAILBOX)).toBe(request);
      }),
    );
  });

  it('E1: an address nobody was given names no request', () => {
    const address = replyAddress(SECRET, 'm_1', MAILBOX);
    const last = address.indexOf('@') - 1;
    const forged = `${address.slice(0, last)}${address[last] === 'a' ? 'b' : 'a'}${address.slice(last + 1)}`;
    for (const other of [
      forged,
      replyAddress('another-secret-of-thirty-two-chars', 'm_1', MAILBOX),
      address.replace('m_1', 'm_2'),
      address.replace('deskferry.example', 'deskferry.example.net'),
      address.replace('replies+', 'repliesx+'),
      'replies+m_1@deskferry.example',
      'replies+@deskferry.example',
      MAILBOX,
      '',
      '@',
    ])
      expect(requestOfAddress(SECRET, other, MAILBOX)).toBeNull();
  });

  it('tells the mailbox for replies from others', () => {
    expect(
      [
        'REPLIES@Deskferry.example',
        'replies+x@deskferry.example',
        'repliesx@deskferry.example',
        'replies',
      ].map((address) => isReplyMailbox(address, MAILBOX)),
    ).toEqual([true, true, false, false]);
  });

  it('refuses a mailbox that cannot carry a token', () => {
    const request = newRequestId();
    expect(() => replyAddress(SECRET, request, `${'r'.repeat(18)}@x.example`)).not.toThrow();
    expect(() => replyAddress(SECRET, request, `${'r'.repeat(19)}@x.example`)).toThrow(ReplyAddressError);
    expect(() => replyAddress(SECRET, request, 'Replies <replies@x.example>')).toThrow(ReplyAddressError);
    expect(() => replyAddress(SECRET, 'M_1', MAILBOX)).toThrow(ReplyAddressError);
  });
});
