package deskferry.mongo;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoDatabase;
import de.bwaldvogel.mongo.backend.BackendInternals;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DatabaseResolver;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerException;
import de.bwaldvogel.mongo.oplog.NoopOplog;
import de.bwaldvogel.mongo.oplog.Oplog;
import io.netty.channel.Channel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.h2.mvstore.MVMap;

/** A database: its collections, and the commands that go to one of them. */
final class Database extends AbstractSynchronizedMongoDatabase<IdKey> {
    private final Store store;
    private final Cursors cursors;

    Database(String name, Store store, Cursors cursors, CursorRegistry unused) {
        super(name, unused);
        this.store = store;
        this.cursors = cursors;
        initializeNamespacesAndIndexes();
    }

    @Override
    public Document handleCommand(Channel channel, String command, Document query, DatabaseResolver resolver, Oplog oplog) {
        return switch (command) {
            case "find" -> find(query);
            case "insert" -> insert(query);
            case "update" -> update(query);
            case "delete" -> delete(query);
            case "aggregate" -> {
                CountPipeline counted = CountPipeline.of(query);
                yield counted != null ? count(counted, query) : super.handleCommand(channel, command, query, resolver, oplog);
            }
            case "findAndModify", "findandmodify" -> {
                refusePipeline(query.get("update"));
                yield super.handleCommand(channel, command, query, resolver, oplog);
            }
            case "createIndexes" -> {
                refuseUnkeptIndexes(query);
                yield super.handleCommand(channel, command, query, resolver, oplog);
            }
            case "drop" -> collection(query, "drop") == null
                ? reply(new Document(), List.of())
                : super.handleCommand(channel, command, query, resolver, oplog);
            default -> super.handleCommand(channel, command, query, resolver, oplog);
        };
    }

    private Collection collection(Document query, String command) {
        return (Collection) resolveCollection(query.get(command).toString(), false);
    }

    private Document find(Document query) {
        Collection collection = collection(query, "find");
        String name = getFullCollectionNamespace(query.get("find").toString());
        if (collection == null) return Cursors.whole(name, List.of());
        DocumentCursor cursor = collection.find(
            (Document) query.getOrDefault("filter", new Document()),
            (Document) query.get("sort"),
            number(query, "skip", 0),
            number(query, "limit", 0),
            (Document) query.get("projection")
        );
        return cursors.firstBatch(name, cursor, number(query, "batchSize", 0), Utils.isTrue(query.get("singleBatch")));
    }

    private Document insert(Document query) {
        List<Document> documents = documents(query, "documents");
        boolean ordered = isOrdered(query);
        Collection collection = (Collection) resolveOrCreateCollection(writable(query, "insert"));
        List<Document> errors = collection.insertDocuments(documents, ordered);
        int inserted = documents.size() - errors.size();
        if (ordered && !errors.isEmpty()) inserted = (Integer) errors.get(0).get("index");
        return reply(new Document("n", inserted), errors);
    }

    private Document update(Document query) {
        Collection collection = (Collection) resolveOrCreateCollection(writable(query, "update"));
        boolean ordered = isOrdered(query);
        List<Document> updates = documents(query, "updates");
        Document variables = (Document) query.get("let");
        List<Document> errors = new ArrayList<>();
        List<Document> upserted = new ArrayList<>();
        int matched = 0;
        int modified = 0;
        for (int index = 0; index < updates.size(); index++) {
            try {
                if (updates instanceof StoredBatch received && replaceAsRead(collection, received.bytes(index))) {
                    matched++;
                    modified++;
                    continue;
                }
                Document statement = updates.get(index);
                Document change = change(statement.get("u"), variables);
                Document result = collection.updateDocuments(
                    (Document) statement.get("q"),
                    change,
                    BackendInternals.arrayFilters(statement, change),
                    Utils.isTrue(statement.get("multi")),
                    Utils.isTrue(statement.get("upsert")),
                    NoopOplog.get()
                );
                if (result.containsKey("upserted")) {
                    upserted.add(new Document("index", index).append("_id", result.get("upserted")));
                }
                matched += (Integer) result.get("n");
                modified += (Integer) result.get("nModified");
            } catch (MongoServerException error) {
                errors.add(WriteErrors.of(index, error));
                if (ordered) break;
            }
        }
        Document reply = new Document("n", matched + upserted.size()).append("nModified", modified);
        if (!upserted.isEmpty()) reply.put("upserted", upserted);
        return reply(reply, errors);
    }

    private static boolean replaceAsRead(Collection collection, byte[] statement) {
        StoredBson.requireStatementSize(statement.length);
        ReplacementAsRead wanted = ReplacementAsRead.of(statement);
        return wanted != null && !Arrays.equals(wanted.asRead(), wanted.replacement()) && collection.replace(wanted);
    }

    private Document delete(Document query) {
        writable(query, "delete");
        Collection collection = collection(query, "delete");
        boolean ordered = isOrdered(query);
        List<Document> deletes = documents(query, "deletes");
        List<Document> errors = new ArrayList<>();
        int deleted = 0;
        for (int index = 0; index < deletes.size() && collection != null; index++) {
            Document statement = deletes.get(index);
            try {
                Document selector = (Document) statement.get("q");
                deleted += collection.deleteDocuments(selector, number(statement, "limit", 0), NoopOplog.get());
            } catch (MongoServerException error) {
                errors.add(WriteErrors.of(index, error));
                if (ordered) break;
            }
        }
        return reply(new Document("n", deleted), errors);
    }

    private Document count(CountPipeline counted, Document query) {
        Collection collection = collection(query, "aggregate");
        int found = collection == null ? 0 : collection.count(counted.match(), counted.skip(), counted.limit());
        List<Document> result = found == 0 ? List.of() : List.of(new Document("_id", 1).append("n", found));
        return Cursors.whole(getFullCollectionNamespace(query.get("aggregate").toString()), result);
    }

    private static Document reply(Document reply, List<Document> errors) {
        if (!errors.isEmpty()) reply.put("writeErrors", errors);
        Utils.markOkay(reply);
        return reply;
    }

    private static String writable(Document query, String command) {
        String name = query.get(command).toString();
        if (name.startsWith("system.")) throw Refusal.notSupported("writing to " + name);
        return name;
    }

    private static boolean isOrdered(Document query) {
        return Utils.isTrue(query.getOrDefault("ordered", true));
    }

    /** What an update says; of pipelines only the one that puts a document in the place of another: `[{$replaceWith: '$$name'}]`. */
    private static Document change(Object update, Document variables) {
        Document replacement = variables == null ? null : WholeDocument.literal(variables.get(replacing(update)));
        if (replacement != null) return replacement;
        refusePipeline(update);
        return (Document) update;
    }

    /** The name of the variable that a pipeline puts in the place of a document, or null. */
    private static String replacing(Object update) {
        if (!(update instanceof List<?> stages && stages.size() == 1)) return null;
        if (!(stages.get(0) instanceof Document stage && stage.size() == 1)) return null;
        return stage.get("$replaceWith") instanceof String name && name.startsWith("$$") ? name.substring(2) : null;
    }

    private static void refusePipeline(Object update) {
        if (update instanceof List) throw Refusal.notSupported("an update by a pipeline");
    }

    private static void refuseUnkeptIndexes(Document query) {
        for (Document index : documents(query, "indexes")) {
            if (Utils.isTrue(index.get("unique")) && index.containsKey("partialFilterExpression")) {
                throw Refusal.notSupported("a partial unique index");
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static List<Document> documents(Document query, String field) {
        return (List<Document>) query.get(field);
    }

    private static int number(Document query, String field, int otherwise) {
        return query.get(field) instanceof Number number ? number.intValue() : otherwise;
    }

    @Override
    protected MongoCollection<IdKey> resolveOrCreateCollection(String name) {
        MongoCollection<IdKey> present = resolveCollection(name, false);
        if (present != null) return present;
        return store.asOne(() -> super.resolveOrCreateCollection(name));
    }

    @Override
    protected MongoCollection<IdKey> openOrCreateCollection(String name, CollectionOptions options) {
        return new Collection(this, name, options, cursorRegistry, store.open(mapName(name)));
    }

    @Override
    protected Index<IdKey> openOrCreateUniqueIndex(String collection, String name, List<IndexKey> keys, boolean sparse) {
        if (keys.size() == 1 && keys.get(0).getKey().equals("_id")) {
            return new IdIndex(store.open(mapName(collection)), "_id");
        }
        return new UniqueIndex(name, keys, sparse);
    }

    @Override
    public void drop(Oplog oplog) {
        super.drop(oplog);
        store.removeAll(mapName(""));
    }

    @Override
    public void dropCollection(String name, Oplog oplog) {
        super.dropCollection(name, oplog);
        store.remove(mapName(name));
    }

    @Override
    public void moveCollection(MongoDatabase from, MongoCollection<?> collection, String newName) {
        MVMap<IdKey, byte[]> documents = ((Collection) collection).documents();
        super.moveCollection(from, collection, newName);
        store.rename(documents, mapName(newName));
    }

    private String mapName(String collection) {
        return Store.DOCUMENTS + databaseName + "." + collection;
    }

    @Override
    protected long getStorageSize() {
        return store.fileSize();
    }

    @Override
    protected long getFileSize() {
        return store.fileSize();
    }
}
