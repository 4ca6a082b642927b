import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, startProvider, startTestIssuer, type TestIssuer } from '../test/api/token-issuer.ts';
import { createBearerTokens, looksLikeToken } from './bearer-tokens.ts';
import type { Principal } from './principal.ts';
import { Problem } from './problem.ts';

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await startTestIssuer();
});
afterAll(() => issuer.close());

const settings = () => ({ issuer: issuer.url, audience: AUDIENCE, roleClaim: 'role', tenantClaim: 'tenant' });
const now = (): number => Math.floor(Date.now() / 1_000);

async function codeOf(identified: Promise<Principal>): Promise<string> {
  try {
    return (await identified).role;
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

describe('F4: tokens of an identity provider', () => {
  it('F4: a real provider: role and tenant are what its token says', async () => {
    const provider = await startProvider({
      hana: { role: 'requester', tenant: 'acme' },
      team: { role: 'operator' },
      nobody: {},
    });
    try {
      const tokens = createBearerTokens({ ...settings(), issuer: provider.url });
      expect(await tokens.identify(await provider.tokenOf('hana'))).toEqual({
        name: 'oidc:hana',
        role: 'requester',
        tenant: 'acme',
        by: 'requester:oidc:hana',
      });
      expect(await tokens.identify(await provider.tokenOf('team'))).toMatchObject({
        role: 'operator',
        tenant: null,
      });
      expect(await codeOf(tokens.identify(await provider.tokenOf('nobody')))).toBe('not-allowed');
      const elsewhere = createBearerTokens({ ...settings(), issuer: provider.url, audience: 'another' });
      expect(await codeOf(elsewhere.identify(await provider.tokenOf('hana')))).toBe('unauthenticated');
    } finally {
      await provider.close();
    }
  });

  it('F4: a token that is not right in every point is refused', async () => {
    const tokens = createBearerTokens(settings());
    const code = async (...token: Parameters<TestIssuer['token']>) =>
      codeOf(tokens.identify(await issuer.token(...token)));
    expect(await code()).toBe('operator');
    expect(await code({ iss: 'https://evil.example' })).toBe('unauthenticated');
    expect(await code({ aud: 'another' })).toBe('unauthenticated');
    expect(await code({ aud: ['another', AUDIENCE] })).toBe('operator');
    expect(await code({ exp: now() - 60 })).toBe('unauthenticated');
    expect(await code({ exp: now() - 5 })).toBe('operator');
    expect(await code({ nbf: now() + 3_600 })).toBe('unauthenticated');
    expect(await code({ nbf: now() + 5 })).toBe('operator');
    for (const missing of ['sub', 'exp', 'iat', 'iss', 'aud'])
      expect([missing, await code({ [missing]: undefined })]).toEqual([missing, 'unauthenticated']);
  });

  it('F4: only signatures by a key of the provider count', async () => {
    const tokens = createBearerTokens(settings());
    const [, claims = ''] = (await issuer.token()).split('.');
    const encoded = (header: object): string => Buffer.from(JSON.stringify(header)).toString('base64url');
    const unsigned = `${encoded({ alg: 'none' })}.${claims}.`;
    expect(looksLikeToken(unsigned)).toBe(true);
    expect(await codeOf(tokens.identify(unsigned))).toBe('unauthenticated');
    const shared = `${encoded({ alg: 'HS256', kid: '1' })}.${claims}`;
    const published = await (await fetch(`${issuer.url}/jwks`)).text();
    const signature = createHmac('sha256', published).update(shared).digest('base64url');
    expect(await codeOf(tokens.identify(`${shared}.${signature}`))).toBe('unauthenticated');
    const stranger = await startTestIssuer();
    const forged = await stranger.token({ iss: issuer.url });
    await stranger.close();
    expect(await codeOf(tokens.identify(forged))).toBe('unauthenticated');
    expect(await codeOf(tokens.identify('eyJhbGciOiJSUzI1NiJ9.e30.AAAA'))).toBe('unauthenticated');
    expect(looksLikeToken('dfk_abcdefghijklmnopqrstuvwxyz')).toBe(false);
  });

  it('F4: a new key is fetched when a token names it, an old one is forgotten then', async () => {
    const tokens = createBearerTokens(settings(), 0);
    const old = await issuer.token();
    expect(await codeOf(tokens.identify(old))).toBe('operator');
    const fetched = issuer.fetched();
    await codeOf(tokens.identify(old));
    expect(issuer.fetched()).toBe(fetched);
    await issuer.rotate();
    expect(await codeOf(tokens.identify(await issuer.token()))).toBe('operator');
    expect(await codeOf(tokens.identify(old))).toBe('unauthenticated');
  });

  it('F4: exactly one role, wherever the provider puts it; no name that is a mail address', async () => {
    const identified = async (claims: Record<string, unknown>, claim = 'role') =>
      createBearerTokens({ ...settings(), roleClaim: claim }).identify(await issuer.token(claims));
    expect(await identified({ role: ['offline', 'auditor'] })).toMatchObject({ role: 'auditor' });
    expect(
      await identified({ role: undefined, realm: { roles: ['requester'] }, tenant: 'acme' }, 'realm.roles'),
    ).toMatchObject({ role: 'requester', tenant: 'acme' });
    const long = 'https://acme.example/role';
    expect(await identified({ [long]: 'auditor' }, long)).toMatchObject({ role: 'auditor' });
    for (const role of [
      undefined,
      'admin',
      '',
      ['requester', 'operator'],
      { role: 'operator' },
      'constructor',
    ])
      expect(await codeOf(identified({ role }))).toBe('not-allowed');
    expect(await codeOf(identified({}, 'constructor.name'))).toBe('not-allowed');
    const { name, by } = await identified({ sub: 'hana@example.com' });
    expect(name).toMatch(/^oidc:[\w-]{22}$/);
    expect(by).toBe(`operator:${name}`);
  });

  it('F4: while the provider does not answer nobody is let in, and nobody is told to get a new token', async () => {
    const away = await startTestIssuer();
    const token = await away.token();
    const tokens = createBearerTokens({ ...settings(), issuer: away.url });
    await away.close();
    expect(await codeOf(tokens.identify(token))).toBe('unavailable');
    expect(await codeOf(tokens.identify(token))).toBe('unavailable');
    const lying = createBearerTokens({ ...settings(), issuer: `${issuer.url}/` });
    expect(await codeOf(lying.identify(await issuer.token()))).toBe('unavailable');
  });
});
