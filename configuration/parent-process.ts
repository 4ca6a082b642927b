/**
 * Ends this process as if asked to (SIGTERM) when the one that started it is gone, so that no process of the service is
 * left behind. Does nothing when it was started by itself.
 */
export function endWithParent(): void {
  if (process.channel === undefined) return;
  process.channel.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/** Tells the process that started this one, if any, that it works. */
export function tellReady(): void {
  process.send?.('ready');
}
