import type { Logger } from './create-logger.ts';

/**
 * Tells a fault that nothing caught by one line of the log, in words where it is one that those who run the service can mend, and ends
 * the process with 1. An error's message stays out: it may quote an address with its password, or what somebody wrote.
 */
export function endOnFault(logger: Logger): void {
  process.on('uncaughtException', (fault: unknown) => {
    const known = remedyOf(fault);
    logger.fatal(
      { ...factsOf(fault), ...(known === null ? framesOf(fault) : {}) },
      known ?? 'ended by a fault',
    );
    process.exit(1);
  });
}

/** What keeps a process from starting or going on, and which setting to look at; null for what is not foreseen. */
export function remedyOf(fault: unknown): string | null {
  if (!(fault instanceof Error)) return null;
  const { name, message } = fault;
  const { code, path, port } = fault as NodeJS.ErrnoException & { port?: number };
  if (/^Mongo(?:Parse|Invalid|API|MissingDep)/.test(name)) return 'MONGODB_URI cannot be read as an address';
  // 13 Unauthorized, 18 AuthenticationFailed; Atlas says 8000
  if (name.startsWith('Mongo') && [13, 18, 8000].includes(Number(code)))
    return 'MongoDB does not let this user in: look at MONGODB_URI';
  if (name.startsWith('Mongo'))
    return 'MongoDB does not answer: is it running, and does MONGODB_URI name it?';
  if (/Namespace \S+ (?:is|was) not found/.test(message))
    return 'Temporal does not have the namespace: look at TEMPORAL_NAMESPACE';
  if (/PermissionDenied|Unauthenticated/.test(message))
    return 'Temporal does not let this service in: look at TEMPORAL_API_KEY and TEMPORAL_TLS_CERT';
  if (['TransportError', 'ServiceError', 'GrpcServiceError'].includes(name))
    return 'Temporal does not answer: is it running, and do TEMPORAL_ADDRESS and TEMPORAL_TLS name it?';
  if (code === 'EADDRINUSE' || code === 'EACCES')
    if (port !== undefined)
      return `port ${port} is taken or not allowed: PORT, METRICS_PORT and SMTP_LISTEN_PORT`;
  if (path !== undefined && ['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'EROFS', 'ENOSPC'].includes(code ?? ''))
    return `${path} is not there, or may not be read or written by this process`;
  return null;
}

function factsOf(fault: unknown): { error: string; code?: unknown } {
  if (!(fault instanceof Error)) return { error: typeof fault };
  const { code } = fault as NodeJS.ErrnoException;
  return { error: fault.name, ...(code === undefined ? {} : { code }) };
}

/** Where it happened, without what it says. */
function framesOf(fault: unknown): { at?: string[] } {
  const lines = fault instanceof Error ? (fault.stack ?? '').split('\n') : [];
  return { at: lines.flatMap((line) => (/^ {4}at /.test(line) ? [line.trim()] : [])) };
}
