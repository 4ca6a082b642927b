import type { Texts } from './texts.ts';

export const EN: Texts = {
  tabs: {
    agents: 'Agents',
    accounts: 'Accounts',
    contacts: 'Contacts',
    products: 'Products',
    tickets: 'Tickets',
    threads: 'Threads',
    comments: 'Comments',
    attachments: 'Attachments',
    articles: 'Articles',
  },
  phases: { sample: 'sample run', 'phase-1': 'phase 1', 'phase-2': 'phase 2' },
  table: {
    tab: 'Tab',
    source: 'In source',
    created: 'Created',
    updated: 'Updated',
    unchanged: 'Unchanged',
    skipped: 'Skipped',
    failed: 'Failed',
  },
  greeting: 'Dear {{name}},',
  reason: 'Reason: {{reason}}',
  reportAttached:
    'The report is attached as a ZIP file: one CSV file per tab with a line for every record, and the records that could not be migrated in the folder "failed", in your own columns.',
  reportLinked:
    'The report is too large for a mail. You can download it until {{linkExpires}} here: {{link}}',
  footer: 'Migration {{request}} · portal {{portal}} · state: {{state}}',
  closing: 'The migration team',
  messages: {
    confirmation: {
      subject: 'We have received your migration request',
      body: [
        'Your request to move data from {{system}} to the portal {{portal}} has arrived. The migration team checks it next; you need not do anything.',
        'You can still cancel the request until the team takes it for verification.',
      ],
    },
    rejected: {
      subject: 'Your migration request was rejected',
      body: ['The migration team cannot carry out your request.', 'You can file a new request at any time.'],
    },
    sentBack: {
      subject: 'Your migration request needs mending',
      body: [
        'The migration team has sent your request back to you. Please mend what is named below and submit it again.',
        'An unsubmitted request expires on {{expiresAt}}.',
      ],
    },
    cancelled: {
      subject: 'Your migration request was cancelled',
      body: ['The request was cancelled. Nothing was migrated.'],
    },
    expiryReminder: {
      subject: 'Your migration request expires soon',
      body: [
        'You have begun a migration request but not submitted it. It expires on {{expiresAt}}, and its files are erased then.',
      ],
    },
    expired: {
      subject: 'Your migration request has expired',
      body: [
        'Your request was not submitted in time. It has expired and its files were erased. You can file a new request at any time.',
      ],
    },
    inLine: {
      subject: 'Your migration waits for its turn: place {{place}} in line',
      body: [
        'The {{phase}} of the migration into the portal {{portal}} stands in line, at place {{place}}. It starts by itself when its turn comes; you need not do anything.',
      ],
      start: 'We expect it to start on {{expectedStart}}.',
    },
    phaseStarted: {
      subject: 'Your migration: {{phase}} has started',
      body: [
        'In the migration into the portal {{portal}}, {{phase}} has started. We expect it to end on {{expectedEnd}}.',
        'Support ticket {{ticket}} was opened for your migration; everything we tell you by mail is also on that ticket.',
      ],
      phase1: 'During phase 1 the portal is closed to its agents. It opens again when the phase ends.',
    },
    phase1Report: {
      subject: 'Phase 1 of your migration is done: please reply until {{windowEndsAt}}',
      body: [
        'Phase 1 of the migration into the portal {{portal}} is done, and the portal is open again.',
        'If you want something changed, reply by {{windowEndsAt}}: mended files, corrected mappings or new exports. Later replies cannot be accepted. Phase 2 then starts by itself; it migrates what is new or mended.',
      ],
    },
    replyReceived: {
      subject: 'We have received your reply',
      body: [
        'Thank you. Your reply was recorded on the support ticket and will be part of phase 2. You can reply again until {{windowEndsAt}}.',
      ],
    },
    replyRefused: {
      subject: 'Your reply could not be taken: its files are over the limits',
      body: [
        'The files of your reply, together with those that came before, are larger or more than can be taken. Nothing of this reply is used.',
        'Please send fewer or smaller files by {{windowEndsAt}}, or ask us for larger limits.',
      ],
    },
    reminder: {
      subject: 'Reminder: replies to phase 1 are accepted until {{windowEndsAt}}',
      body: [
        'Phase 2 of your migration starts by itself on {{windowEndsAt}}. Until then you can send mended files, corrected mappings or new exports.',
      ],
    },
    lateReply: {
      subject: 'Your reply came after the end of the reply window',
      body: [
        'Replies were accepted until {{windowEndsAt}}. Your reply cannot be taken into account, and nothing was changed by it.',
      ],
    },
    paused: {
      subject: 'Your migration is paused',
      body: ['The migration into the portal {{portal}} is paused. Nothing is lost: it goes on where it was.'],
    },
    sourceKeyRefused: {
      subject: 'Your migration needs a new key for {{system}}',
      body: [
        '{{system}}, from which your data is read, does not accept the key any more that you gave us. The migration waits where it needs to read there; nothing is lost.',
        'Please make a key in {{system}} that may read everything that is migrated, and give it to us in the console, with "deskferry source-key {{request}}", or by the API. Never send a key by mail.',
        'When the new key has come, the migration goes on by itself where it was.',
      ],
    },
    resumed: {
      subject: 'Your migration goes on',
      body: ['The migration into the portal {{portal}} goes on where it was.'],
    },
    stopped: {
      subject: 'Your migration was stopped',
      body: [
        'The migration team has stopped the migration into the portal {{portal}}. What was migrated until then stays in the portal and is listed in the report.',
      ],
    },
    completed: {
      subject: 'Your migration is complete',
      body: [
        'Phase 2 is done and the migration into the portal {{portal}} is complete. Nothing more is done on this request; the support ticket is closed.',
        'For a further migration please file a new request.',
      ],
    },
  },
};
