/** Every message a request can send; each is composed in the requester's language from the request's records. */
export const MESSAGE_KINDS = [
  'confirmation',
  'rejected',
  'sentBack',
  'cancelled',
  'expiryReminder',
  'expired',
  'inLine',
  'phaseStarted',
  'phase1Report',
  'phase1ReportAgain',
  'replyReceived',
  'replyRefused',
  'reminder',
  'lateReply',
  'paused',
  'sourceKeyRefused',
  'resumed',
  'stopped',
  'completed',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];
