import { createHmac, timingSafeEqual } from 'node:crypto';

/** RFC 5321 4.5.3.1.1: the part before the @ holds at most 64 octets. */
const LONGEST_LOCAL_PART = 64;

/** Eighty bits of the signature: sixteen characters. */
const SIGNATURE_BYTES = 10;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A mailbox without a display name; what stands before the @ is kept short enough for a token to fit behind it. */
const MAILBOX = /^([A-Za-z0-9][A-Za-z0-9._-]*)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)$/;

/** Letters are of one case: mail servers on the way may change it. */
const TOKEN = /^([a-z0-9_]+)-([a-z2-7]{16})$/;

/** The reply mailbox cannot carry a token: it is no plain mailbox, or too long together with it. */
export class ReplyAddressError extends Error {
  readonly code = 'REPLY_ADDRESS';
  constructor(why: string) {
    super(`The mailbox for replies ${why}.`);
    this.name = 'ReplyAddressError';
  }
}

/**
 * The address to which answers about one request go (E1): `replies+<token>@example.com`. Its token is the request's id
 * and a short HMAC-SHA256, so that nobody who was not written to can find it; the letters' case does not matter.
 * @param secret known to the processes of the service alone
 * @param request id of the request, lower-case letters, digits and `_`
 * @param mailbox where all replies arrive, for example `replies@example.com`
 * @throws ReplyAddressError
 */
export function replyAddress(secret: string, request: string, mailbox: string): string {
  const { local, domain } = partsOf(mailbox);
  if (!/^[a-z0-9_]+$/.test(request))
    throw new ReplyAddressError('cannot name a request whose id has other characters than a-z, 0-9 and _');
  const named = `${local}+${request}-${signatureOf(secret, request)}`;
  if (named.length > LONGEST_LOCAL_PART)
    throw new ReplyAddressError('is too long: with the token it has more than 64 characters before the @');
  return `${named}@${domain}`;
}

/** The request an address was made for, or null for every other address, a forged one among them. */
export function requestOfAddress(secret: string, address: string, mailbox: string): string | null {
  if (!isReplyMailbox(address, mailbox)) return null;
  const local = address.slice(0, address.lastIndexOf('@')).trim().toLowerCase();
  const [, request, signature] = TOKEN.exec(local.slice(local.indexOf('+') + 1)) ?? [];
  if (request === undefined || signature === undefined) return null;
  const wanted = Buffer.from(signatureOf(secret, request));
  return timingSafeEqual(Buffer.from(signature), wanted) ? request : null;
}

/** Whether mail to an address arrives in the mailbox for replies: the mailbox itself, or with `+...` behind its name. */
export function isReplyMailbox(address: string, mailbox: string): boolean {
  const { local, domain } = partsOf(mailbox);
  const given = address.trim().toLowerCase();
  if (!given.endsWith(`@${domain}`)) return false;
  const name = given.slice(0, -domain.length - 1);
  return name === local || name.startsWith(`${local}+`);
}

function partsOf(mailbox: string): { local: string; domain: string } {
  const [, local, domain] = MAILBOX.exec(mailbox) ?? [];
  if (local === undefined || domain === undefined)
    throw new ReplyAddressError('is no plain mailbox such as replies@example.com');
  return { local: local.toLowerCase(), domain: domain.toLowerCase() };
}

function signatureOf(secret: string, request: string): string {
  const bytes = createHmac('sha256', secret).update(`reply-address\n${request}`).digest();
  let bits = 0n;
  for (const byte of bytes.subarray(0, SIGNATURE_BYTES)) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let shift = SIGNATURE_BYTES * 8 - 5; shift >= 0; shift -= 5)
    text += BASE32[Number((bits >> BigInt(shift)) & 31n)];
  return text;
}
