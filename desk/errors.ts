/** Why the desk refused a call as a whole; refusals of single records are outcomes, not errors. */
export type DeskErrorCode =
  | 'PORTAL_NOT_FOUND'
  | 'PORTAL_EXISTS'
  | 'PORTAL_CLOSED'
  | 'INTEGRATIONS_LOCKED'
  | 'INTEGRATIONS_ON'
  | 'BAD_NAME'
  | 'DESK_UNSTEADY'
  | 'DESK_FAULT';

export class DeskError extends Error {
  readonly code: DeskErrorCode;
  constructor(code: DeskErrorCode, message: string) {
    super(message);
    this.name = 'DeskError';
    this.code = code;
  }
}

export class PortalNotFound extends DeskError {
  constructor(portal: string) {
    super('PORTAL_NOT_FOUND', `There is no portal "${portal}".`);
    this.name = 'PortalNotFound';
  }
}

export class PortalExists extends DeskError {
  constructor(portal: string) {
    super('PORTAL_EXISTS', `There is a portal "${portal}" already.`);
    this.name = 'PortalExists';
  }
}

/** C2: another request has closed the portal. */
export class PortalClosed extends DeskError {
  readonly closedBy: string;
  constructor(portal: string, closedBy: string) {
    super('PORTAL_CLOSED', `Portal "${portal}" is closed by request ${closedBy}.`);
    this.name = 'PortalClosed';
    this.closedBy = closedBy;
  }
}

/** B2: a migration runs, and the integrations must stay off until it has ended. */
export class IntegrationsLocked extends DeskError {
  readonly lockedBy: string;
  constructor(portal: string, lockedBy: string) {
    super(
      'INTEGRATIONS_LOCKED',
      `The integrations of portal "${portal}" stay off until request ${lockedBy} has ended: contacts and accounts would be duplicated.`,
    );
    this.name = 'IntegrationsLocked';
    this.lockedBy = lockedBy;
  }
}

/** B2: integrations that are on cannot be kept off; they must be switched off first. */
export class IntegrationsOn extends DeskError {
  readonly on: string[];
  constructor(portal: string, on: string[]) {
    super('INTEGRATIONS_ON', `Switch off ${on.join(' and ')} of portal "${portal}" first.`);
    this.name = 'IntegrationsOn';
    this.on = on;
  }
}

/** A portal or scope name that cannot be part of an id. */
export class BadName extends DeskError {
  constructor(what: string, name: string, rule: string) {
    super('BAD_NAME', `"${name}" cannot be a ${what}: ${rule}.`);
    this.name = 'BadName';
  }
}
