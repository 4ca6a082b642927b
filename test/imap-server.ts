import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A mail in the mailbox of the test's mail server. */
export interface StoredMail {
  uid: number;
  content: Buffer;
  flags: Set<string>;
  folder: string;
}

/** A mail server for tests: as much of IMAP4rev1 (RFC 3501) as fetching new mail needs. */
export interface ImapServer {
  /** `imap://user:password@host:port` */
  url: string;
  mails: StoredMail[];
  /** commands as they came, without their tags */
  commands: string[];
  /** called before a command is answered; what it throws is answered as NO */
  before: (command: string) => void;
  deliver(content: string | Buffer): StoredMail;
  stop(): Promise<void>;
}

const USER = 'replies@example.com';
const PASSWORD = 'p@ss/word';

/** Starts it on a free port. */
export async function startImapServer(): Promise<ImapServer> {
  const sockets = new Set<Socket>();
  const state: Pick<ImapServer, 'mails' | 'commands' | 'before'> = {
    mails: [],
    commands: [],
    before: () => {},
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    speak(socket, state);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  let next = 1;
  return Object.assign(state, {
    url: `imap://${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`,
    deliver(content: string | Buffer): StoredMail {
      const mail = { uid: next++, content: Buffer.from(content), flags: new Set<string>(), folder: 'INBOX' };
      state.mails.push(mail);
      return mail;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

function speak(socket: Socket, state: Pick<ImapServer, 'mails' | 'commands' | 'before'>): void {
  const say = (...parts: (string | Buffer)[]): void => {
    for (const part of parts) socket.write(part);
    socket.write('\r\n');
  };
  const inbox = (): StoredMail[] => state.mails.filter(({ folder }) => folder === 'INBOX');
  let loggedIn = false;

  const answer = (tag: string, command: string): void => {
    state.commands.push(/^LOGIN/i.test(command) ? 'LOGIN' : command);
    const [name = '', second = ''] = command.toUpperCase().split(' ');
    const verb = name === 'UID' ? `UID ${second}` : name;
    try {
      state.before(command);
    } catch {
      say(`${tag} NO not now`);
      return;
    }
    if (!loggedIn && !['CAPABILITY', 'LOGIN', 'LOGOUT', 'NOOP', 'ID'].includes(verb)) {
      say(`${tag} NO log in first`);
      return;
    }
    switch (verb) {
      case 'CAPABILITY':
        say('* CAPABILITY IMAP4rev1 UIDPLUS MOVE');
        break;
      case 'LOGIN':
        if (command !== `LOGIN "${USER}" "${PASSWORD}"` && command !== `LOGIN ${USER} ${PASSWORD}`) {
          say(`${tag} NO [AUTHENTICATIONFAILED] wrong`);
          return;
        }
        loggedIn = true;
        break;
      case 'LIST':
      case 'LSUB':
        say(
          command.endsWith('""') ? `* ${verb} (\\Noselect) "/" ""` : `* ${verb} (\\HasNoChildren) "/" INBOX`,
        );
        break;
      case 'SELECT':
        say('* FLAGS (\\Seen \\Deleted)');
        say(`* ${inbox().length} EXISTS`);
        say('* 0 RECENT');
        say('* OK [PERMANENTFLAGS (\\Seen \\Deleted)] flags');
        say('* OK [UIDVALIDITY 7] valid');
        say(`* OK [UIDNEXT ${state.mails.length + 1}] next`);
        break;
      case 'UID SEARCH':
        say(
          `* SEARCH${inbox()
            .filter(({ flags }) => !flags.has('\\Seen'))
            .map(({ uid }) => ` ${uid}`)
            .join('')}`,
        );
        break;
      case 'UID FETCH':
        fetch(say, inbox(), command);
        break;
      case 'UID STORE':
        for (const mail of inbox()) if (mail.uid === Number(command.split(' ')[2])) mail.flags.add('\\Seen');
        break;
      case 'UID MOVE': {
        const [, , uid, folder = ''] = command.split(' ');
        const at = inbox().findIndex((mail) => mail.uid === Number(uid));
        const mail = inbox()[at];
        if (mail !== undefined) {
          say(`* OK [COPYUID 8 ${uid} 1] moved`);
          mail.folder = folder.replaceAll('"', '');
          say(`* ${at + 1} EXPUNGE`);
        }
        break;
      }
      case 'LOGOUT':
        say('* BYE');
        break;
      case 'NOOP':
      case 'CLOSE':
        break;
      default:
        say(`${tag} BAD unknown`);
        return;
    }
    say(`${tag} OK ${verb} done`);
    if (verb === 'LOGOUT') socket.end();
  };

  let rest = '';
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1');
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const space = line.indexOf(' ');
      if (line !== '') answer(line.slice(0, space), line.slice(space + 1));
    }
  });
  say('* OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE] ready');
}

function fetch(say: (...parts: (string | Buffer)[]) => void, inbox: StoredMail[], command: string): void {
  const at = inbox.findIndex(({ uid }) => uid === Number(command.split(' ')[2]));
  const mail = inbox[at];
  if (mail === undefined) return;
  const { content, flags, uid } = mail;
  const said: (string | Buffer)[] = [`* ${at + 1} FETCH (UID ${uid}`];
  if (/\bFLAGS\b/i.test(command)) said.push(` FLAGS (${[...flags].join(' ')})`);
  if (/RFC822\.SIZE/i.test(command)) said.push(` RFC822.SIZE ${content.length}`);
  if (/INTERNALDATE/i.test(command)) said.push(' INTERNALDATE "05-Jan-2026 12:34:56 +0900"');
  const body = /BODY(?:\.PEEK)?\[(HEADER)?\](?:<(\d+)\.(\d+)>)?/i.exec(command);
  if (body !== null) {
    const [, header, from, length] = body;
    const whole = header === undefined ? content : content.subarray(0, content.indexOf('\r\n\r\n') + 4);
    const part = from === undefined ? whole : whole.subarray(Number(from), Number(from) + Number(length));
    said.push(` BODY[${header ?? ''}]${from === undefined ? '' : `<${from}>`} {${part.length}}\r\n`, part);
  }
  say(...said, ')');
}
