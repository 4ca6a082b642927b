package deskferry.mongo;

import java.util.concurrent.Semaphore;

/**
 * Requests and replies of more than a megabyte pass one at a time: a handful of large documents in parallel, each held
 * as bytes, as objects and as bytes again, would fill the heap. A thread that is inside stays until its request is
 * answered.
 */
final class BigWork {
    static final long BIG = 1_000_000;

    private final Semaphore one = new Semaphore(1, true);
    private final ThreadLocal<Boolean> inside = ThreadLocal.withInitial(() -> false);

    void enter() {
        if (inside.get()) return;
        one.acquireUninterruptibly();
        inside.set(true);
    }

    void leave() {
        if (!inside.get()) return;
        inside.set(false);
        one.release();
    }
}
