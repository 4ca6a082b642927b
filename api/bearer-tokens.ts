import { createHash } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { Role } from '../store/keys.ts';
import type { Principal } from './principal.ts';
import { Problem, unavailable } from './problem.ts';

/** F4: the OpenID Connect provider whose tokens are taken beside API keys. */
export interface TokenIssuer {
  /** its issuer identifier: `iss` of every token, and where its discovery document is found */
  issuer: string;
  /** `aud` of tokens that are meant for Deskferry */
  audience: string;
  /** claim that holds the role; a dot leads into an object */
  roleClaim: string;
  /** claim that holds the tenant */
  tenantClaim: string;
}

/** Tells who a bearer token stands for. */
export interface BearerTokens {
  /** @throws Problem `unauthenticated`, `not-allowed` for a token without a role, `unavailable` */
  identify(token: string): Promise<Principal>;
}

/** Signatures by keys of the provider alone; a shared secret would let anyone who checks tokens make them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** How far the provider's clock and ours may differ, in seconds. */
const CLOCK_TOLERANCE = 30;
/** How long the provider may take to answer. */
const ANSWER_MS = 5_000;
/** A provider that could not be reached is not asked again before this has passed. */
const AGAIN_MS = 5_000;
const ROLES: readonly string[] = ['requester', 'operator', 'auditor'] satisfies Role[];

/** What the names of tokens' holders begin with; those of API keys hold no colon. */
export const TOKEN_NAME = 'oidc:';

/** Whether a credential can be a token: API keys hold no dots that part them in three. */
export function looksLikeToken(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(credential);
}

/**
 * Checks tokens of one provider: signature by a key it publishes now (a new key is fetched when a token names it), issuer,
 * audience, times. Its address is looked up when the first token comes.
 * @param cooldownMs how long after its keys were fetched a token with an unknown one makes them be fetched again
 */
export function createBearerTokens(settings: TokenIssuer, cooldownMs = 10_000): BearerTokens {
  let found: Promise<JWTVerifyGetKey> | null = null;
  let failedAt = Number.NEGATIVE_INFINITY;

  async function keysOf(): Promise<JWTVerifyGetKey> {
    if (found === null) {
      if (performance.now() - failedAt < AGAIN_MS) throw unreachable();
      found = discover(settings.issuer).then((address) =>
        createRemoteJWKSet(address, { timeoutDuration: ANSWER_MS, cooldownDuration: cooldownMs }),
      );
      found.catch(() => {
        found = null;
        failedAt = performance.now();
      });
    }
    return found;
  }

  return {
    async identify(token) {
      const keys = await keysOf();
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer: settings.issuer,
          audience: settings.audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE,
          requiredClaims: ['sub', 'exp', 'iat'],
        });
        return principalOf(payload, settings);
      } catch (error) {
        if (error instanceof Problem) throw error;
        throw refused(error);
      }
    },
  };
}

function unreachable(): Problem {
  return unavailable('The identity provider does not answer, so tokens cannot be checked; API keys can.');
}

async function discover(issuer: string): Promise<URL> {
  try {
    const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const document: unknown = await answer.json();
    if (
      answer.ok &&
      typeof document === 'object' &&
      document !== null &&
      'issuer' in document &&
      document.issuer === issuer &&
      'jwks_uri' in document &&
      typeof document.jwks_uri === 'string' &&
      isSafe(new URL(document.jwks_uri))
    ) {
      return new URL(document.jwks_uri);
    }
  } catch {
    // told below
  }
  throw unreachable();
}

/** Keys come over TLS, or from this machine. */
function isSafe(address: URL): boolean {
  return address.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname);
}

/** Whether the provider is at fault, not the token. */
function isProviders(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError) || error.code === errors.JOSEError.code) return true;
  return error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
}

function refused(error: unknown): Problem {
  if (isProviders(error)) return unreachable();
  return unauthenticated(
    error instanceof errors.JWTExpired
      ? 'The token has expired; get a new one.'
      : 'The token is not one for this service; get one from its identity provider.',
  );
}

function unauthenticated(detail: string): Problem {
  return new Problem('unauthenticated', detail, {
    headers: { 'WWW-Authenticate': 'Bearer realm="deskferry", error="invalid_token"' },
  });
}

/** F4: what a token says of its holder; a token that names no role, or several, may do nothing. */
function principalOf(payload: JWTPayload, { roleClaim, tenantClaim }: TokenIssuer): Principal {
  const given = claim(payload, roleClaim);
  const roles = (Array.isArray(given) ? given : [given]).filter((role): role is Role =>
    ROLES.includes(role as string),
  );
  const [role] = roles;
  if (role === undefined || new Set(roles).size > 1) {
    throw new Problem(
      'not-allowed',
      `The token has to name one of the roles ${ROLES.join(', ')} in its claim ${roleClaim}; ask who manages your accounts.`,
    );
  }
  const named = claim(payload, tenantClaim);
  const tenant = typeof named === 'string' && named !== '' ? named : null;
  const name = `${TOKEN_NAME}${subject(payload.sub ?? '')}`;
  return { name, role, tenant, by: `${role}:${name}` };
}

/** The audit log names nobody by a mail address: a subject that could be one is told by its hash. */
function subject(sub: string): string {
  if (/^[A-Za-z0-9_|.:-]{1,100}$/.test(sub)) return sub;
  return createHash('sha256').update(sub).digest('base64url').slice(0, 22);
}

function claim(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}
