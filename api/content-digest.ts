import { createHash, type Hash } from 'node:crypto';
import type { Request } from 'express';
import { Problem } from './problem.ts';

const HEADERS = ['Content-Digest', 'Repr-Digest'];
const ALGORITHMS = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const;
type Algorithm = keyof typeof ALGORITHMS;

interface Expected {
  header: string;
  hash: Hash;
  digest: Buffer;
}

/**
 * The digests that a caller gives with a body (RFC 9530); of a file that is sent as it is the two headers mean the same.
 * @throws Problem `invalid-parameter` when a header cannot be read, or names no algorithm that is known here
 */
function expectedOf(request: Request): Expected[] {
  return HEADERS.flatMap((header) => {
    const given = request.get(header);
    if (given === undefined) return [];
    const members = given.split(',').map((member) => /^\s*([a-z0-9-]+)=:([A-Za-z0-9+/=]*):\s*$/.exec(member));
    const known = members.flatMap((member) =>
      member !== null && Object.hasOwn(ALGORITHMS, member[1] ?? '')
        ? [{ name: member[1] as Algorithm, digest: Buffer.from(member[2] ?? '', 'base64') }]
        : [],
    );
    if (members.includes(null) || known.length === 0) {
      const detail = `has to hold ${Object.keys(ALGORITHMS).join(' or ')}, such as "sha-256=:<base64>:"`;
      throw new Problem('invalid-parameter', `Correct the header ${header}: it ${detail}.`, {
        errors: [{ parameter: header, detail }],
      });
    }
    return known.map(({ name, digest }) => ({ header, digest, hash: createHash(ALGORITHMS[name]) }));
  });
}

/**
 * A body that is held against the digests its sender gives.
 * @returns gives the body on; at its end it throws Problem `digest-mismatch` when it is another one
 */
export function withDigests(
  request: Request,
): (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  const expected = expectedOf(request);
  return async function* (body) {
    for await (const part of body) {
      for (const { hash } of expected) hash.update(part);
      yield part;
    }
    const wrong = expected.find(({ hash, digest }) => !hash.digest().equals(digest));
    if (wrong !== undefined) {
      throw new Problem('digest-mismatch', `What arrived is not what ${wrong.header} says; send it again.`);
    }
  };
}
