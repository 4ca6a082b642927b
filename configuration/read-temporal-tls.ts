import { readFileSync } from 'node:fs';

/** How TLS is spoken with Temporal; what is left out is as the system has it. */
export interface TemporalTls {
  /** PEM: whose certificates are trusted instead of those that the system trusts */
  serverRootCACertificate?: Buffer;
  /** PEM: who this service is, where Temporal wants to see a certificate */
  clientCertPair?: { crt: Buffer; key: Buffer };
  /** the name in Temporal's certificate, where it is not that of its address */
  serverNameOverride?: string;
}

interface Given {
  TEMPORAL_API_KEY?: string | undefined;
  TEMPORAL_TLS?: boolean | undefined;
  TEMPORAL_TLS_CA?: Buffer | undefined;
  TEMPORAL_TLS_CERT?: Buffer | undefined;
  TEMPORAL_TLS_KEY?: Buffer | undefined;
  TEMPORAL_TLS_SERVER_NAME?: string | undefined;
}

/** Reads a PEM file; null when it cannot be read, or holds none. */
export function readPemFile(file: string): Buffer | null {
  try {
    const bytes = readFileSync(file);
    return bytes.includes('-----BEGIN ') ? bytes : null;
  } catch {
    return null;
  }
}

/** @returns null where TLS is not to be spoken */
export function temporalTlsOf(env: Given): TemporalTls | null {
  const { TEMPORAL_TLS_CA: ca, TEMPORAL_TLS_CERT: crt, TEMPORAL_TLS_KEY: key } = env;
  const name = env.TEMPORAL_TLS_SERVER_NAME;
  // a key is sent over TLS only, unless someone says otherwise in so many words
  const asked = [env.TEMPORAL_API_KEY, ca, crt, name].some((each) => each !== undefined);
  if (!(env.TEMPORAL_TLS ?? asked)) return null;
  return {
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
    ...(name === undefined ? {} : { serverNameOverride: name }),
  };
}

/** Settings of TLS beside a TEMPORAL_TLS that says not to speak it. */
export function temporalTlsFaults(
  given: Readonly<Record<string, string | undefined>>,
): { variable: string; fault: string }[] {
  if (given['TEMPORAL_TLS'] !== 'false') return [];
  return ['TEMPORAL_TLS_CA', 'TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'TEMPORAL_TLS_SERVER_NAME']
    .filter((variable) => given[variable] !== undefined)
    .map((variable) => ({ variable, fault: 'is set, but TEMPORAL_TLS is false' }));
}
