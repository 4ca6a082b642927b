import { createPrivateKey, createPublicKey, hkdfSync, sign, verify } from 'node:crypto';

/** Signs reports, so that anyone who has the service's public key can tell whose they are (Ed25519, RFC 8032). */
export interface ReportSigner {
  /** PEM (SubjectPublicKeyInfo); it may be told to everybody */
  publicKey: string;
  /** base64 */
  sign(content: Uint8Array): string;
}

/** RFC 8410: a PKCS #8 wrapper around the 32 bytes of an Ed25519 private key. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The signer of a service: its key is derived from the service's secret (HKDF, RFC 5869), so that all its processes sign alike
 * and none keeps a key file.
 */
export function createReportSigner(secret: string): ReportSigner {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'deskferry report signature v1', 32));
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    publicKey: createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString(),
    sign: (content) => sign(null, content, privateKey).toString('base64'),
  };
}

/** Whether a signature was made over exactly this content with the private half of a public key. */
export function isReportSignatureValid(publicKey: string, content: Uint8Array, signature: string): boolean {
  try {
    return verify(null, content, createPublicKey(publicKey), Buffer.from(signature, 'base64'));
  } catch {
    // No key at all, or one of another kind: it has not signed this.
    return false;
  }
}
