package deskferry.mongo;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVStoreException;

/** The commands, above the databases: one command at a time per connection, committed before it is answered. */
final class Backend extends AbstractMongoBackend {
    private static final Set<String> WRITES =
        Set.of("insert", "update", "delete", "findandmodify");
    private static final Set<String> DEFINITIONS =
        Set.of("create", "createindexes", "drop", "dropdatabase", "dropindexes", "renamecollection");
    private static final int WRITE_BATCH = 100_000;
    private static final int STORE_BROKEN = 3;

    private final Store store;
    private final Cursors cursors;

    Backend(Store store, Cursors cursors) {
        this.store = store;
        this.cursors = cursors;
        version(new Version());
        store.names().stream()
            .map(name -> Utils.firstFragment(name.substring(Store.DOCUMENTS.length())))
            .distinct()
            .forEach(this::resolveDatabase);
    }

    /** What drivers want at least; 5.0 has no feature that a query could ask for and not get an error. */
    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
        String name = command.toLowerCase(java.util.Locale.ROOT);
        try {
            if (DEFINITIONS.contains(name)) {
                return store.during(() -> store.asOne(() -> dispatch(channel, database, command, query)));
            }
            Document reply = store.during(() -> dispatch(channel, database, command, query));
            if (WRITES.contains(name)) store.commit();
            return reply;
        } catch (MVStoreException broken) {
            if (store.isBroken()) Runtime.getRuntime().halt(STORE_BROKEN);
            throw broken;
        }
    }

    private Document dispatch(Channel channel, String database, String command, Document query) {
        if (query.containsKey("startTransaction") || query.containsKey("txnNumber")) {
            throw Refusal.notSupported("a transaction");
        }
        return switch (command) {
            case "hello", "ismaster", "isMaster" -> hello(super.handleCommand(channel, database, "ismaster", query));
            case "getMore" -> cursors.nextBatch(
                database + "." + query.get("collection"),
                ((Number) query.get("getMore")).longValue(),
                query.get("batchSize") instanceof Number size ? size.intValue() : 0
            );
            case "killCursors" -> cursors.kill((List<?>) query.get("cursors"));
            default -> super.handleCommand(channel, database, command, query);
        };
    }

    private static Document hello(Document reply) {
        reply.put("isWritablePrimary", true);
        reply.put("maxWriteBatchSize", WRITE_BATCH);
        return reply;
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new Database(name, store, cursors, getCursorRegistry());
    }

    @Override
    public void close() {
        super.close();
        store.close();
    }
}
