import type { Request, Response } from 'express';
import { hasBody } from './read-body.ts';
import type { Problem } from './problem.ts';
import type { Answer } from './route.ts';

/** How long a refused upload is still read, so that its sender sees the answer before the connection closes. */
const LINGER_MS = 2_000;

/** Sends a JSON answer; nothing the API says is kept by a cache. */
export function sendAnswer(response: Response, answer: Answer): void {
  response.status(answer.status).set('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body === undefined) {
    response.end();
    return;
  }
  const bytes = Buffer.from(JSON.stringify(answer.body));
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', bytes.length);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

/** Sends a problem document (RFC 9457), also to a caller that is still sending its body. */
export async function sendProblem(
  request: Request,
  response: Response,
  problem: Problem,
  instance: string,
): Promise<void> {
  if (response.headersSent) {
    // the answer was under way: a cut connection is the only way left to say that it is not whole
    response.destroy();
    return;
  }
  const bytes = Buffer.from(JSON.stringify(problem.document(instance)));
  response.status(problem.status).set('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
  response.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
  response.setHeader('Content-Length', bytes.length);
  if (request.method === 'HEAD' || request.complete || !hasBody(request) || request.destroyed) {
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  response.setHeader('Connection', 'close');
  response.write(bytes);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.once('end', done).once('close', done).once('error', done).resume();
  });
  response.end();
}
