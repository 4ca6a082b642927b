package deskferry.mongo;

import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The open cursors. One that nobody asks for ten minutes is closed, as in MongoDB. */
final class Cursors {
    private static final long IDLE = TimeUnit.MINUTES.toNanos(10);
    private static final int FIRST_BATCH = 101;
    private static final long BATCH_BYTES = 16_000_000;

    private static final class Open {
        final DocumentCursor cursor;
        volatile long usedAt = System.nanoTime();

        Open(DocumentCursor cursor) {
            this.cursor = cursor;
        }
    }

    private final Map<Long, Open> open = new ConcurrentHashMap<>();
    private final AtomicLong lastId = new AtomicLong();
    private final BigWork bigWork;

    Cursors(BigWork bigWork) {
        this.bigWork = bigWork;
    }

    Document firstBatch(String name, DocumentCursor cursor, int batchSize, boolean single) {
        List<Document> batch = cursor.take(batchSize > 0 ? batchSize : FIRST_BATCH, BATCH_BYTES, bigWork);
        long id = 0;
        if (!single && !cursor.isExhausted()) {
            id = lastId.incrementAndGet();
            open.put(id, new Open(cursor));
        }
        return reply(name, "firstBatch", batch, id);
    }

    Document nextBatch(String name, long id, int batchSize) {
        Open found = open.get(id);
        if (found == null) throw Refusal.cursorNotFound(id);
        synchronized (found) {
            found.usedAt = System.nanoTime();
            int count = batchSize > 0 ? batchSize : Integer.MAX_VALUE;
            List<Document> batch = found.cursor.take(count, BATCH_BYTES, bigWork);
            if (found.cursor.isExhausted()) open.remove(id);
            return reply(name, "nextBatch", batch, found.cursor.isExhausted() ? 0 : id);
        }
    }

    /** The only batch of a result that needs no cursor. */
    static Document whole(String name, List<Document> result) {
        return reply(name, "firstBatch", result, 0);
    }

    private static Document reply(String name, String field, List<Document> batch, long id) {
        Document cursor = new Document("id", id).append("ns", name).append(field, batch);
        Document reply = new Document("cursor", cursor);
        Utils.markOkay(reply);
        return reply;
    }

    Document kill(List<?> ids) {
        List<Long> killed = new ArrayList<>();
        List<Long> unknown = new ArrayList<>();
        for (Object each : ids) {
            long id = ((Number) each).longValue();
            (open.remove(id) != null ? killed : unknown).add(id);
        }
        Document reply = new Document("cursorsKilled", killed).append("cursorsNotFound", unknown);
        Utils.markOkay(reply);
        return reply;
    }

    void closeIdle() {
        long now = System.nanoTime();
        open.values().removeIf(each -> now - each.usedAt > IDLE);
    }
}
