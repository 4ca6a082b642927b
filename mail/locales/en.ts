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
  reasons: {
    INTEGRATIONS_ON:
      'Reason: an integration of the portal (Zoho CRM or Salesforce) is switched on. While data is migrated it would double contacts and accounts. Please switch it off, keep it off until the migration is complete, and tell us by answering this mail; then the migration goes on.',
    DISCREPANCIES:
      'Reason: what was migrated was compared with the source, and the two do not agree in every point. The migration team looks into it before a report goes out; you need not do anything.',
    TOO_MANY_FILES: 'Reason: there are more files than can be taken.',
    FILE_TOO_LARGE: 'Reason: a file is larger than can be taken.',
    FILES_TOO_LARGE: 'Reason: all files together are larger than can be taken.',
    fault: 'Reason: a technical fault ({{code}}). The migration team sees to it; you need not do anything.',
  },
  reportAttached:
    'The report is attached as a ZIP file: one CSV file per tab with a line for every record, and the records that could not be migrated in the folder "failed", in your own columns.',
  reportLinked: 'The report is too large for a mail. You can download it until {{linkExpires}} here:',
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
        'If you still want to migrate, please complete the request and submit it before. Otherwise you need not do anything.',
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
        'In the migration into the portal {{portal}}, {{phase}} stands in line, at place {{place}}. It starts by itself when its turn comes; you need not do anything.',
      ],
      also: { startKnown: 'We expect it to start on {{expectedStart}}.' },
    },
    phaseStarted: {
      subject: 'Your migration: {{phase}} has started',
      body: [
        'In the migration into the portal {{portal}}, {{phase}} has started. Everything we tell you by mail is also on our support ticket {{ticket}}.',
      ],
      also: {
        endKnown: 'We expect it to end on {{expectedEnd}}.',
        phase1: 'During phase 1 the portal is closed to its agents. It opens again when the phase ends.',
        phase2:
          'The portal stays open to its agents. Records that they have changed since phase 1 are not overwritten; the report will list them.',
      },
    },
    phase1Report: {
      subject: 'Phase 1 of your migration is done: please reply until {{windowEndsAt}}',
      body: [
        'Phase 1 of the migration into the portal {{portal}} is done, and the portal is open again.',
        'Please look at what was migrated. If you want something changed, reply by {{windowEndsAt}}: mended files, corrected mappings or new exports. Later replies cannot be accepted. Phase 2 then starts by itself; it migrates what is new or mended.',
      ],
      also: {
        answersByMail:
          'You can reply by answering this mail with the files attached, with "deskferry reply {{request}}", or by the API.',
        noAnswersByMail: 'You can reply with "deskferry reply {{request}}" or by the API.',
      },
    },
    phase1ReportAgain: {
      subject: 'A new report of phase 1: please reply until {{windowEndsAt}}',
      body: [
        'The migration team has tried records again that had failed in phase 1 of the migration into the portal {{portal}}. This report (version {{version}}) takes the place of the one before.',
        'It does not change until when you can reply: {{windowEndsAt}}. Then phase 2 starts by itself.',
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
        'Please send fewer or smaller files by {{windowEndsAt}}. If they cannot be smaller, please ask for larger limits: {{support}}',
      ],
    },
    reminder: {
      subject: 'Reminder: replies to phase 1 are accepted until {{windowEndsAt}}',
      body: [
        'Phase 2 of your migration starts by itself on {{windowEndsAt}}. Until then you can send mended files, corrected mappings or new exports. If you have no changes, you need not do anything.',
      ],
      also: {
        answersByMail:
          'You can reply by answering this mail with the files attached, with "deskferry reply {{request}}", or by the API.',
        noAnswersByMail: 'You can reply with "deskferry reply {{request}}" or by the API.',
        paused:
          'The migration is paused at present. That does not change until when you can reply; phase 2 starts when the migration goes on.',
      },
    },
    lateReply: {
      subject: 'Your reply came after the end of the reply window',
      body: [
        'Replies were accepted until {{windowEndsAt}}. Your reply cannot be taken into account, and nothing was changed by it.',
        'What you wanted to send can be migrated by a new request when this one is complete.',
      ],
    },
    paused: {
      subject: 'Your migration is paused',
      body: ['The migration into the portal {{portal}} is paused. Nothing is lost: it goes on where it was.'],
      also: {
        inPhase1: 'Until then the portal stays closed to its agents.',
        inWindow: 'Until when you can reply does not change: {{windowEndsAt}}.',
      },
    },
    sourceKeyRefused: {
      subject: 'Your migration needs a new key for {{system}}',
      body: [
        '{{system}}, from which your data is read, does not accept the key any more that you gave us. The migration waits where it needs to read there; nothing is lost.',
        'Please make a key in {{system}} that may read everything that is migrated, and give it to us with "deskferry source-key {{request}}" or by the API. Never send a key by mail.',
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
        'The migration team has stopped the migration into the portal {{portal}}. Nothing more is done on this request.',
      ],
      also: {
        begun: 'What was migrated until then stays in the portal, and the portal is open to its agents.',
        notBegun: 'Nothing had been migrated yet.',
      },
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
