package deskferry.mongo;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.RandomAccessStore;

/**
 * The file. What a command has written is committed before the command is answered; a commit hands the bytes to the
 * operating system, so they survive the death of this process, and they are synced every few seconds, so that all but
 * the last of them survive the machine's.
 */
final class Store {
    static final String DOCUMENTS = "documents.";
    private static final int FORMAT = 1;
    private static final int CACHE_MB = 128;
    // Space is used again only after two syncs, so that the state a power cut falls back to is whole.
    private static final int RETENTION_MS = 10_000;
    private static final long SYNC_EVERY = TimeUnit.SECONDS.toNanos(4);
    private static final long IDLE_AFTER = TimeUnit.SECONDS.toNanos(2);
    private static final int FILL_PERCENT = 85;
    private static final int SMALLEST_STEP = 4 * 1024 * 1024;
    private static final int LARGEST_STEP = 256 * 1024 * 1024;
    private static final int CLOSING_COMPACTION_MS = 3_000;

    private final MVStore store;
    private final MVMap<String, Long> upkeep;
    /** Shared by commands; taken alone by compaction, which moves what readers read. */
    private final ReentrantReadWriteLock activity = new ReentrantReadWriteLock();
    private volatile long writtenAt = System.nanoTime();
    private volatile boolean unsynced;
    private volatile boolean loose = true;
    private int step = SMALLEST_STEP;
    private long syncedAt = System.nanoTime();

    Store(String file) {
        store = new MVStore.Builder().fileName(file).autoCommitDisabled().cacheSize(CACHE_MB).open();
        int format = store.getStoreVersion();
        if (format != FORMAT) {
            if (store.getMapNames().stream().anyMatch(name -> name.startsWith(DOCUMENTS))) {
                store.closeImmediately();
                throw new IllegalStateException(file + " has format " + format + ", this server reads format " + FORMAT);
            }
            store.setStoreVersion(FORMAT);
        }
        store.setRetentionTime(RETENTION_MS);
        store.setVersionsToKeep(0);
        upkeep = store.openMap("upkeep");
        // Space can be compacted only in maps that are open.
        names().forEach(this::open);
    }

    MVMap<IdKey, byte[]> open(String name) {
        return store.openMap(
            name,
            new MVMap.Builder<IdKey, byte[]>().keyType(new StoredTypes.Keys()).valueType(new StoredTypes.Documents())
        );
    }

    List<String> names() {
        return store.getMapNames().stream().filter(name -> name.startsWith(DOCUMENTS)).toList();
    }

    void remove(String name) {
        store.removeMap(open(name));
    }

    void removeAll(String prefix) {
        names().stream().filter(name -> name.startsWith(prefix)).forEach(this::remove);
    }

    void rename(MVMap<IdKey, byte[]> map, String name) {
        store.renameMap(map, name);
    }

    long fileSize() {
        return store.getFileStore().size();
    }

    /** Runs a command over pages that stay where they are until it is done. */
    <T> T during(Supplier<T> command) {
        activity.readLock().lock();
        var version = store.registerVersionUsage();
        try {
            return command.get();
        } finally {
            store.deregisterVersionUsage(version);
            activity.readLock().unlock();
        }
    }

    /** Runs a change of several maps that no other command's commit may split, and commits it. */
    synchronized <T> T asOne(Supplier<T> change) {
        T result = change.get();
        commit();
        return result;
    }

    synchronized void commit() {
        writtenAt = System.nanoTime();
        if (store.commit() < 0) return;
        unsynced = true;
        loose = true;
        step = SMALLEST_STEP;
    }

    boolean isBroken() {
        return store.isClosed() || store.getPanicException() != null;
    }

    /** Syncs what is due, and compacts a little when nobody has written for a while. To be called again and again. */
    void keepUp() {
        long now = System.nanoTime();
        if (unsynced && now - syncedAt > SYNC_EVERY) {
            unsynced = false;
            syncedAt = now;
            store.sync();
        }
        while (loose && System.nanoTime() - writtenAt > IDLE_AFTER && compactStep()) {}
    }

    private boolean compactStep() {
        if (!activity.writeLock().tryLock()) return false;
        try {
            RandomAccessStore file = (RandomAccessStore) store.getFileStore();
            int looseness = looseness(file);
            store.sync();
            store.setRetentionTime(0);
            store.compact(FILL_PERCENT, step);
            // The old chunks are free only when a later version is there.
            for (int versions = 0; versions < 2; versions++) {
                upkeep.put("step", upkeep.getOrDefault("step", 0L) + 1);
                store.commit();
            }
            store.sync();
            file.compactMoveChunks(FILL_PERCENT, step, store);
            store.sync();
            if (looseness(file) == 0) {
                loose = false;
            } else if (looseness(file) < looseness) {
                step = SMALLEST_STEP;
            } else if (step < LARGEST_STEP) {
                // What is written together is moved together: it may be larger than the step.
                step *= 2;
            } else {
                loose = false;
            }
            return loose;
        } finally {
            store.setRetentionTime(RETENTION_MS);
            activity.writeLock().unlock();
        }
    }

    /** How far from tight the file is: free space in it, and dead pages in what is written. */
    private static int looseness(RandomAccessStore file) {
        return Math.max(0, FILL_PERCENT - file.getFillRate()) + Math.max(0, FILL_PERCENT - file.getChunksFillRate());
    }

    void close() {
        store.close(CLOSING_COMPACTION_MS);
    }
}
