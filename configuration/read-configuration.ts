import { isIP } from 'node:net';
import { z } from 'zod';
import { type Bucket, bucketFaults, readBucketAddress } from './read-bucket.ts';
import { DEFAULT_LIMITS, type Limits, REPLY_WINDOW_MS } from '../domain/lifecycle.ts';
import {
  type EncryptionKey,
  KEYS_FAULT,
  readEncryptionKeys,
  readEncryptionKeysFile,
} from './read-encryption-keys.ts';
import { readPemFile, type TemporalTls, temporalTlsFaults, temporalTlsOf } from './read-temporal-tls.ts';

/** What every process of Deskferry is told by its environment. */
export interface Configuration {
  /** port the API listens on */
  port: number;
  temporal: {
    /** host:port */
    address: string;
    namespace: string;
    /** null where the server asks for none */
    apiKey: string | null;
    /** null where TLS is not spoken */
    tls: TemporalTls | null;
    /** whether payloads are encrypted before Temporal has them */
    encryption: boolean;
  };
  mongodb: { uri: string; database: string };
  mail: {
    /** smtp: or smtps: URL, with the credentials if the server asks for any */
    smtpUrl: string;
    from: string;
    /** the migration team's own address */
    team: string;
  };
  /** E1: how replies come by mail; null = they do not */
  replies: {
    /** the mailbox replies go to; a token is added to its name */
    mailbox: string;
    smtp: { host: string; port: number; tls: { keyFile: string; certFile: string } | null } | null;
    imap: { url: string; folder: string; moveTo: string | null; every: number } | null;
    /** in bytes */
    largestMail: number;
    /** how long mail that was not taken is held for the team, in milliseconds */
    keepHeld: number;
  } | null;
  /** whom a request over a limit is sent to (A4) */
  supportAddress: string;
  /** where people reach the API, without a slash at the end */
  publicUrl: string;
  /** working folder of this machine; without a bucket uploads, segments and reports are kept in it */
  storageFolder: string;
  /** where uploads, segments and reports are kept instead; null = in the folder */
  bucket: Bucket | null;
  /** bytes that copies of what lies in the bucket may take in the folder */
  localCopies: number;
  /** length of the reply window in milliseconds (E1) */
  replyWindowMs: number;
  /** how many phase runs go at a time (B4) */
  concurrentTurns: number;
  /** how long after closing uploads and staged rows are kept (F5), in milliseconds */
  retentionMs: number;
  /** share of failed records of a tab above which it is flagged, 0..1 (C5) */
  failureShare: number;
  /** signs links; known to the processes of the service alone */
  secret: string;
  /** seal what is secret before it is kept: the first seals, all open; empty = what needs one is refused */
  encryptionKeys: readonly EncryptionKey[];
  /** hosts of source APIs that may be private or speak plain http: `name` or `name:port` (B3) */
  sourceHosts: string[];
  /** calls that a key may make in a minute, and an address without a key */
  callsPerMinute: number;
  /** origins of pages that may call the API, besides its own */
  corsOrigins: string[];
  /** origins of Temporal Web UIs, whose pages may ask for decrypted payloads */
  temporalUiOrigins: string[];
  /** the proxies before the API: how many, or their addresses and networks */
  trustProxy: number | string[];
  /** F4: the identity provider whose tokens are taken beside API keys; null = none */
  oidc: { issuer: string; audience: string; roleClaim: string; tenantClaim: string } | null;
  /** a report of more bytes is linked in the mail, not attached (C7) */
  largestAttachment: number;
  /** what a request may upload before an operator grants more (A4) */
  limits: Limits;
  /** where a worker tells its measurements; null = nowhere */
  metrics: { host: string; port: number } | null;
  /** the OpenTelemetry collector that traces go to, without a slash at the end; null = none are made */
  traces: string | null;
  logLevel: LogLevel;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The environment does not say what it must; the message has a line for every fault, and no values. */
export class ConfigurationError extends Error {
  readonly code = 'CONFIGURATION';
  readonly faults: readonly { variable: string; fault: string }[];
  constructor(faults: readonly { variable: string; fault: string }[]) {
    super(
      ['The environment is not complete:', ...faults.map((f) => `  ${f.variable}: ${f.fault}`)].join('\n'),
    );
    this.name = 'ConfigurationError';
    this.faults = faults;
  }
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a length of time such as `30s`, `10m`, `36h` or `14d`.
 * @returns milliseconds, or null when the text is no length of time above zero
 */
export function readDuration(text: string): number | null {
  const parts = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNITS[parts?.[2] ?? ''];
  if (parts === null || unit === undefined) return null;
  const milliseconds = Math.round(Number(parts[1]) * unit);
  return milliseconds > 0 && Number.isSafeInteger(milliseconds) ? milliseconds : null;
}

/** Reads a share given as `0.05` or `5%`; gives 0..1, or null when it is neither. */
export function readShare(text: string): number | null {
  const parts = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim());
  if (parts === null) return null;
  const share = Number(parts[1]) / (parts[2] === '%' ? 100 : 1);
  return share <= 1 ? share : null;
}

/** A variable read by a function that gives null for what it cannot read. */
function readBy<T>(read: (text: string) => T | null, fault: string) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: fault });
    return z.NEVER;
  });
}

const count = (fault: string, most = Number.MAX_SAFE_INTEGER) =>
  readBy((text) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= 1 && value <= most ? value : null;
  }, fault);

const webAddress = (protocols: readonly string[], fault: string) =>
  readBy((text) => (URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : null), fault);

/** A mailbox, bare or with a display name: `Deskferry <deskferry@example.com>`. */
const mailbox = readBy(
  (text) => (/^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/.test(text) ? text : null),
  'is not a mail address',
);

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Keys of a provider that is not asked over TLS could be anybody's. */
function readIssuer(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, hostname, search, hash } = new URL(text);
  const safe = protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname));
  return safe && search === '' && hash === '' ? text : null;
}

/** Parts between commas, without those that are empty; null when one of them is not as it should be. */
function readList(text: string, isGood: (part: string) => boolean): string[] | null {
  const parts = text.split(',').map((part) => part.trim());
  const given = parts.filter((part) => part !== '');
  return given.every(isGood) ? given : null;
}

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;

const origins = readBy(
  (text) => readList(text, isOrigin),
  'is no list of origins such as https://console.example.com, with commas between them',
);

const yesOrNo = z
  .enum(['true', 'false'], 'is neither true nor false')
  .transform((text): boolean => text === 'true');

/** A host as a URL writes it, with or without a port. */
function isHost(text: string): boolean {
  if (!/^[\w.:[\]-]+$/.test(text) || !URL.canParse(`http://${text}`)) return false;
  const { host, hostname } = new URL(`http://${text}`);
  return text === host || text === hostname;
}

/** An address or a network such as 10.0.0.0/8; or a name that stands for several. */
function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function readProxies(text: string): number | string[] | null {
  return /^\d$/.test(text) ? Number(text) : readList(text, isProxy);
}

const DURATION_FAULT = 'is not a length of time; write it like 30s, 10m, 36h or 14d';

const pemFile = readBy(readPemFile, 'names no PEM file that can be read');

const ENVIRONMENT = z.object({
  PORT: count('is not a port (1 to 65535)', 65_535).default(8080),
  TEMPORAL_ADDRESS: readBy((text) => (/^[^\s/]+:\d+$/.test(text) ? text : null), 'is not host:port').default(
    'localhost:7233',
  ),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  TEMPORAL_TLS: yesOrNo.optional(),
  TEMPORAL_TLS_CA: pemFile.optional(),
  TEMPORAL_TLS_CERT: pemFile.optional(),
  TEMPORAL_TLS_KEY: pemFile.optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().min(1).optional(),
  TEMPORAL_ENCRYPTION: yesOrNo.optional(),
  TEMPORAL_UI_ORIGINS: origins.default([]),
  MONGODB_URI: readBy(
    (text) => (/^mongodb(?:\+srv)?:\/\/\S+$/.test(text) ? text : null),
    'is no mongodb:// address',
  ),
  MONGODB_DATABASE: readBy(
    (text) => (/^[A-Za-z0-9_-]{1,63}$/.test(text) ? text : null),
    'is no database name (letters, digits, _ and -)',
  ).default('deskferry'),
  SMTP_URL: webAddress(['smtp:', 'smtps:'], 'is no smtp:// or smtps:// address'),
  MAIL_FROM: mailbox,
  TEAM_MAIL: mailbox,
  SUPPORT_ADDRESS: mailbox,
  REPLY_ADDRESS: readBy(
    (text) => (/^[^\s<>@+]{1,18}@[^\s<>@]+$/.test(text) ? text : null),
    'is not a bare mail address with at most 18 characters before the @',
  ).optional(),
  SMTP_LISTEN_HOST: z.string().min(1).default('127.0.0.1'),
  SMTP_LISTEN_PORT: count('is not a port (1 to 65535)', 65_535).optional(),
  SMTP_LISTEN_TLS_KEY: z.string().min(1).optional(),
  SMTP_LISTEN_TLS_CERT: z.string().min(1).optional(),
  IMAP_URL: webAddress(['imap:', 'imaps:'], 'is no imap:// or imaps:// address').optional(),
  IMAP_FOLDER: z.string().min(1).default('INBOX'),
  IMAP_MOVE_TO: z.string().min(1).optional(),
  IMAP_POLL: readBy(readDuration, DURATION_FAULT).default(30_000),
  LARGEST_MAIL: count('is not a number of bytes').default(50_000_000),
  HELD_MAIL_RETENTION: readBy(readDuration, DURATION_FAULT).default(30 * 86_400_000),
  PUBLIC_URL: webAddress(['http:', 'https:'], 'is no http:// or https:// address'),
  STORAGE_FOLDER: z.string().min(1),
  STORAGE_URL: readBy(readBucketAddress, 'is no s3://bucket or s3://bucket/prefix').optional(),
  STORAGE_ENDPOINT: webAddress(['http:', 'https:'], 'is no http:// or https:// address').optional(),
  STORAGE_REGION: z.string().min(1).optional(),
  STORAGE_PATH_STYLE: z.enum(['true', 'false'], 'is neither true nor false').optional(),
  STORAGE_LOCAL_COPIES: count('is not a number of bytes').default(10_000_000_000),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  DESKFERRY_REPLY_WINDOW: readBy(readDuration, DURATION_FAULT).default(REPLY_WINDOW_MS),
  DESKFERRY_RETENTION: readBy(readDuration, DURATION_FAULT).default(30 * 86_400_000),
  DESKFERRY_CONCURRENT_TURNS: count('is not a number of turns (1 or more)', 1_000).default(1),
  DESKFERRY_FAILURE_SHARE: readBy(readShare, 'is not a share; write it like 0.05 or 5%').default(0.05),
  DESKFERRY_SECRET: z.string().min(32, 'is shorter than 32 characters'),
  DESKFERRY_ENCRYPTION_KEYS: readBy(readEncryptionKeys, KEYS_FAULT).optional(),
  DESKFERRY_ENCRYPTION_KEYS_FILE: readBy(
    readEncryptionKeysFile,
    `names no file that can be read, or its text ${KEYS_FAULT}`,
  ).optional(),
  DESKFERRY_SOURCE_HOSTS: readBy(
    (text) => readList(text, isHost),
    'is no list of hosts such as desk.internal or 127.0.0.1:8090, with commas between them',
  ).default([]),
  DESKFERRY_LARGEST_ATTACHMENT: count('is not a number of bytes').default(10_000_000),
  CALLS_PER_MINUTE: count('is not a number of calls (1 or more)').default(1_200),
  CORS_ORIGINS: origins.default([]),
  TRUST_PROXY: readBy(
    readProxies,
    'is neither a number of proxies (0 to 9) nor a list of addresses and networks',
  ).default(0),
  OIDC_ISSUER: readBy(readIssuer, 'is no https:// address').optional(),
  OIDC_AUDIENCE: z.string().min(1).optional(),
  OIDC_ROLE_CLAIM: z.string().min(1).default('role'),
  OIDC_TENANT_CLAIM: z.string().min(1).default('tenant'),
  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress(
    ['http:', 'https:'],
    'is no http:// or https:// address',
  ).optional(),
  METRICS_PORT: count('is not a port (1 to 65535)', 65_535).optional(),
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `is none of ${LOG_LEVELS.join(', ')}`).default('info'),
});

function repliesOf(env: z.output<typeof ENVIRONMENT>): Configuration['replies'] {
  if (env.REPLY_ADDRESS === undefined) return null;
  const { SMTP_LISTEN_TLS_KEY: keyFile, SMTP_LISTEN_TLS_CERT: certFile } = env;
  const tls = keyFile === undefined || certFile === undefined ? null : { keyFile, certFile };
  return {
    mailbox: env.REPLY_ADDRESS,
    smtp:
      env.SMTP_LISTEN_PORT === undefined
        ? null
        : { host: env.SMTP_LISTEN_HOST, port: env.SMTP_LISTEN_PORT, tls },
    imap:
      env.IMAP_URL === undefined
        ? null
        : {
            url: env.IMAP_URL,
            folder: env.IMAP_FOLDER,
            moveTo: env.IMAP_MOVE_TO ?? null,
            every: env.IMAP_POLL,
          },
    largestMail: env.LARGEST_MAIL,
    keepHeld: env.HELD_MAIL_RETENTION,
  };
}

function bucketOf(env: z.output<typeof ENVIRONMENT>): Bucket | null {
  if (env.STORAGE_URL === undefined) return null;
  const endpoint = env.STORAGE_ENDPOINT ?? null;
  return {
    ...env.STORAGE_URL,
    region: env.STORAGE_REGION ?? env.AWS_REGION ?? 'us-east-1',
    endpoint,
    // other servers than Amazon's seldom have a host name for each bucket
    pathStyle: env.STORAGE_PATH_STYLE === undefined ? endpoint !== null : env.STORAGE_PATH_STYLE === 'true',
  };
}

/** Settings that say nothing without another one: with half of them set, somebody believes in what is not there. */
const NEEDS: Readonly<Partial<Record<keyof typeof ENVIRONMENT.shape, keyof typeof ENVIRONMENT.shape>>> = {
  SMTP_LISTEN_PORT: 'REPLY_ADDRESS',
  IMAP_URL: 'REPLY_ADDRESS',
  SMTP_LISTEN_TLS_KEY: 'SMTP_LISTEN_TLS_CERT',
  SMTP_LISTEN_TLS_CERT: 'SMTP_LISTEN_TLS_KEY',
  TEMPORAL_TLS_CERT: 'TEMPORAL_TLS_KEY',
  TEMPORAL_TLS_KEY: 'TEMPORAL_TLS_CERT',
  OIDC_ISSUER: 'OIDC_AUDIENCE',
  OIDC_AUDIENCE: 'OIDC_ISSUER',
};

/** What is wrong only because of what else is set. */
function together(given: Readonly<Record<string, string | undefined>>): ConfigurationError['faults'] {
  const isSet = (name: keyof typeof ENVIRONMENT.shape): boolean => given[name] !== undefined;
  return [
    ...bucketFaults(given),
    ...temporalTlsFaults(given),
    ...Object.entries(NEEDS).flatMap(([name, needed]) =>
      given[name] !== undefined && !isSet(needed)
        ? [{ variable: needed, fault: `is not set, but ${name} is` }]
        : [],
    ),
    ...(isSet('REPLY_ADDRESS') && !isSet('SMTP_LISTEN_PORT') && !isSet('IMAP_URL')
      ? [{ variable: 'REPLY_ADDRESS', fault: 'is set, but neither SMTP_LISTEN_PORT nor IMAP_URL is' }]
      : []),
    ...(given['TEMPORAL_ENCRYPTION'] === 'true' &&
    !isSet('DESKFERRY_ENCRYPTION_KEYS') &&
    !isSet('DESKFERRY_ENCRYPTION_KEYS_FILE')
      ? [{ variable: 'TEMPORAL_ENCRYPTION', fault: 'is true, but there is no DESKFERRY_ENCRYPTION_KEYS' }]
      : []),
    ...(isSet('DESKFERRY_ENCRYPTION_KEYS') && isSet('DESKFERRY_ENCRYPTION_KEYS_FILE')
      ? [
          {
            variable: 'DESKFERRY_ENCRYPTION_KEYS_FILE',
            fault: 'is set, but DESKFERRY_ENCRYPTION_KEYS is as well',
          },
        ]
      : []),
  ];
}

/**
 * Reads the environment once, at the start of a process. A variable that is set to nothing counts as not set.
 * @param environment usually `process.env`
 * @throws ConfigurationError naming every variable at fault, never its value
 */
export function readConfiguration(environment: Readonly<Record<string, string | undefined>>): Configuration {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const read = ENVIRONMENT.safeParse(given);
  const faults = [
    ...(read.error?.issues ?? []).map((issue) => {
      const variable = String(issue.path[0]);
      return { variable, fault: given[variable] === undefined ? 'is not set' : issue.message };
    }),
    ...together(given),
  ];
  if (!read.success || faults.length > 0) throw new ConfigurationError(faults);
  const env = read.data;
  const encryptionKeys = env.DESKFERRY_ENCRYPTION_KEYS ?? env.DESKFERRY_ENCRYPTION_KEYS_FILE ?? [];
  return {
    port: env.PORT,
    temporal: {
      address: env.TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE,
      apiKey: env.TEMPORAL_API_KEY ?? null,
      tls: temporalTlsOf(env),
      encryption: env.TEMPORAL_ENCRYPTION ?? encryptionKeys.length > 0,
    },
    mongodb: { uri: env.MONGODB_URI, database: env.MONGODB_DATABASE },
    mail: { smtpUrl: env.SMTP_URL, from: env.MAIL_FROM, team: env.TEAM_MAIL },
    replies: repliesOf(env),
    supportAddress: env.SUPPORT_ADDRESS,
    publicUrl: env.PUBLIC_URL.replace(/\/+$/, ''),
    storageFolder: env.STORAGE_FOLDER,
    bucket: bucketOf(env),
    localCopies: env.STORAGE_LOCAL_COPIES,
    replyWindowMs: env.DESKFERRY_REPLY_WINDOW,
    concurrentTurns: env.DESKFERRY_CONCURRENT_TURNS,
    retentionMs: env.DESKFERRY_RETENTION,
    failureShare: env.DESKFERRY_FAILURE_SHARE,
    secret: env.DESKFERRY_SECRET,
    encryptionKeys,
    sourceHosts: env.DESKFERRY_SOURCE_HOSTS,
    callsPerMinute: env.CALLS_PER_MINUTE,
    corsOrigins: env.CORS_ORIGINS,
    temporalUiOrigins: env.TEMPORAL_UI_ORIGINS,
    trustProxy: env.TRUST_PROXY,
    oidc:
      env.OIDC_ISSUER === undefined || env.OIDC_AUDIENCE === undefined
        ? null
        : {
            issuer: env.OIDC_ISSUER,
            audience: env.OIDC_AUDIENCE,
            roleClaim: env.OIDC_ROLE_CLAIM,
            tenantClaim: env.OIDC_TENANT_CLAIM,
          },
    largestAttachment: env.DESKFERRY_LARGEST_ATTACHMENT,
    limits: DEFAULT_LIMITS,
    metrics: env.METRICS_PORT === undefined ? null : { host: env.METRICS_HOST, port: env.METRICS_PORT },
    traces: env.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '') ?? null,
    logLevel: env.LOG_LEVEL,
  };
}
