import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CaughtMail, CaughtMailBody, CaughtMails } from './mail-catcher.ts';

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'";
// A mail is a stranger's page: no scripts, no forms, nothing fetched, an origin of its own.
const MAIL_POLICY =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'";
const STYLE =
  'body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}' +
  'table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ddd;' +
  'vertical-align:top;overflow-wrap:anywhere}iframe{width:100%;height:32rem;border:1px solid #ccc}' +
  'pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;padding:1rem}';

/**
 * Answers the catcher's read-only pages: `/` and `/mail/:id` for people, `/messages`, `/messages/:id` and
 * `/messages/:id/raw` for programs, `/messages/:id/html` (the mail's own HTML, sandboxed) and
 * `/messages/:id/attachments/:index`. Only asked by a loopback name, so that no web page elsewhere can read along.
 */
export async function answerMailPage(
  mails: CaughtMails,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host)) {
    send(response, 403, 'text/plain', 'ask by a loopback name');
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'read-only');
    return;
  }
  const [first, id, part, index] = new URL(request.url ?? '/', 'http://127.0.0.1').pathname
    .slice(1)
    .split('/');
  if (first === '' || first === undefined) {
    sendPage(response, 'Mail', list(mails.list()));
  } else if (first === 'messages' && id === undefined) {
    sendJson(response, mails.list());
  } else if (first === 'messages' && id !== undefined && part === 'raw') {
    sendOr404(response, await mails.raw(id), (raw) => send(response, 200, 'message/rfc822', raw));
  } else if (first === 'messages' && id !== undefined && part === 'attachments') {
    sendOr404(response, await mails.attachment(id, Number(index)), ({ filename, content }) => {
      response.setHeader(
        'Content-Disposition',
        `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`,
      );
      send(response, 200, 'application/octet-stream', content);
    });
  } else if ((first === 'messages' || first === 'mail') && id !== undefined) {
    sendOr404(response, await mails.read(id), (mail) => {
      if (first === 'mail') sendPage(response, mail.subject, view(mail));
      else if (part === undefined) sendJson(response, mail);
      else if (part === 'html') send(response, 200, 'text/html', mail.html ?? '', MAIL_POLICY);
      else send(response, 404, 'text/plain', 'no such page');
    });
  } else {
    send(response, 404, 'text/plain', 'no such page');
  }
}

function sendOr404<T>(response: ServerResponse, found: T | null, answer: (found: T) => void): void {
  if (found === null) send(response, 404, 'text/plain', 'no such mail');
  else answer(found);
}

function sendJson(response: ServerResponse, body: CaughtMail | CaughtMail[]): void {
  send(response, 200, 'application/json', JSON.stringify(body));
}

function sendPage(response: ServerResponse, title: string, body: string): void {
  const head = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><style>${STYLE}</style>`;
  send(response, 200, 'text/html', `${head}<body>${body}</body></html>`);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  policy: string = PAGE_POLICY,
): void {
  const text = type.startsWith('text/') || type === 'application/json';
  response.writeHead(status, {
    'Content-Type': text ? `${type}; charset=utf-8` : type,
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
  });
  response.end(body);
}

function list(mails: CaughtMail[]): string {
  const rows = mails
    .toReversed()
    .map(
      (mail) =>
        `<tr><td>${escape(mail.date)}</td><td>${escape(mail.envelope.to.join(', '))}</td>` +
        `<td><a href="/mail/${mail.id}">${escape(mail.subject || '(no subject)')}</a></td></tr>`,
    );
  return (
    '<h1>Mail caught here</h1><p>Nothing was delivered to anybody.</p>' +
    `<table><tr><th>Came</th><th>To</th><th>Subject</th></tr>${rows.join('')}</table>`
  );
}

function view(mail: CaughtMailBody): string {
  const attachments = mail.attachments.map(
    ({ filename, size }, index) =>
      `<li><a href="/messages/${mail.id}/attachments/${index}">${escape(filename ?? `attachment-${index + 1}`)}</a> ` +
      `(${size} bytes)</li>`,
  );
  return (
    `<p><a href="/">all mail</a></p><h1>${escape(mail.subject || '(no subject)')}</h1><table>` +
    `<tr><th>From</th><td>${escape(mail.from)}</td></tr><tr><th>To</th><td>${escape(mail.to.join(', '))}</td></tr>` +
    `<tr><th>Cc</th><td>${escape(mail.cc.join(', '))}</td></tr><tr><th>Came</th><td>${escape(mail.date)}</td></tr></table>` +
    `<ul>${attachments.join('')}</ul>` +
    (mail.html === null ? '' : `<iframe sandbox title="the mail" src="/messages/${mail.id}/html"></iframe>`) +
    (mail.text === null ? '' : `<pre>${escape(mail.text)}</pre>`) +
    `<p><a href="/messages/${mail.id}/raw">as it came</a></p>`
  );
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
