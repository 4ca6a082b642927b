package deskferry.mongo;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoCollection;
import de.bwaldvogel.mongo.backend.ArrayFilters;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryParameters;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import de.bwaldvogel.mongo.oplog.Oplog;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * A collection: a map from `_id`, in MongoDB's order, to BSON. Writers take turns; readers wait for nobody, since each
 * read goes over the map's state of one moment.
 */
final class Collection extends AbstractMongoCollection<IdKey> {
    /** Keys for the library's own records without an id, in the order of their making, also after a restart. */
    private static final AtomicLong UNNAMED = new AtomicLong(System.currentTimeMillis() << 20);

    private final MVMap<IdKey, byte[]> documents;
    private final List<UniqueIndex> uniqueIndexes = new CopyOnWriteArrayList<>();
    /** The replacement that is being written, for the order of its fields; used by writers only, in turn. */
    private Document replacement;

    Collection(
        MongoDatabase database,
        String name,
        CollectionOptions options,
        CursorRegistry cursors,
        MVMap<IdKey, byte[]> documents
    ) {
        super(database, name, options, cursors);
        this.documents = documents;
        if (options.getIdField() != null) addIndex(new IdIndex(documents, options.getIdField()));
    }

    MVMap<IdKey, byte[]> documents() {
        return documents;
    }

    String idField() {
        return getIdField();
    }

    /** Opens a cursor over what a query finds. */
    DocumentCursor find(Document query, Document sort, int skip, int limit, Document projection) {
        return new DocumentCursor(this, query, sort, skip, limit, projection);
    }

    /** The keys that a unique index leaves for a query, or null when none can help. */
    List<IdKey> uniqueCandidates(Document query) {
        for (UniqueIndex index : uniqueIndexes) {
            List<IdKey> candidates = index.candidates(query);
            if (candidates != null) return candidates;
        }
        return null;
    }

    @Override
    public synchronized void addIndex(Index<IdKey> index) {
        super.addIndex(index);
        if (index instanceof UniqueIndex unique && getIndexes().contains(index)) uniqueIndexes.add(unique);
    }

    @Override
    public synchronized void dropIndex(String name) {
        super.dropIndex(name);
        uniqueIndexes.removeIf(index -> index.getName().equals(name));
    }

    @Override
    public QueryResult handleQuery(QueryParameters parameters) {
        Document selector = parameters.getQuerySelector();
        boolean wrapped = selector.containsKey("query");
        Document query = wrapped ? (Document) selector.get("query") : selector;
        Document sort = wrapped ? (Document) selector.get("orderby") : null;
        return queryDocuments(query, sort, parameters.getNumberToSkip(), parameters.getLimit(), 0, parameters.getProjection());
    }

    @Override
    protected QueryResult queryDocuments(Document query, Document sort, int skip, int limit, int batch, Document projection) {
        DocumentCursor cursor = find(query, sort, skip, limit, projection);
        return new QueryResult((Iterable<Document>) cursor::iterator);
    }

    @Override
    protected QueryResult matchDocuments(Document query, Document sort, int skip, int limit, int batch, Document projection) {
        return queryDocuments(query, sort, skip, limit, batch, projection);
    }

    @Override
    public synchronized void addDocument(Document document) {
        super.addDocument(document);
    }

    @Override
    public synchronized List<Document> insertDocuments(List<Document> inserted, boolean ordered) {
        List<Document> errors = new ArrayList<>();
        StoredBatch received = inserted instanceof StoredBatch batch && isByIdAlone() ? batch : null;
        for (int index = 0; index < inserted.size(); index++) {
            try {
                if (received == null) super.addDocument(inserted.get(index));
                else addReceived(received.bytes(index));
            } catch (MongoServerError error) {
                errors.add(WriteErrors.of(index, error));
                if (ordered) break;
            }
        }
        return errors;
    }

    /** Replaces a document whose bytes are just those that were read; false when there is none, or more is to be asked. */
    synchronized boolean replace(ReplacementAsRead wanted) {
        if (!isByIdAlone() || !Arrays.equals(documents.get(wanted.key()), wanted.asRead())) return false;
        StoredBson.requireSize(wanted.replacement().length);
        documents.put(wanted.key(), wanted.replacement());
        return true;
    }

    /** Whether what is written concerns no index but that of `_id`. */
    private boolean isByIdAlone() {
        return getIdField() != null && getIndexes().size() == 1 && uniqueIndexes.isEmpty();
    }

    private void addReceived(byte[] document) {
        StoredBson.requireSize(document.length);
        Document id = StoredBson.decodeId(document);
        for (Index<IdKey> index : getIndexes()) index.checkAdd(id, this);
        documents.put(IdKey.of(id.get(getIdField())), document);
    }

    @Override
    public synchronized Document updateDocuments(
        Document query, Document update, ArrayFilters filters, boolean multi, boolean upsert, Oplog oplog
    ) {
        replacement = isReplacement(update) ? update : null;
        try {
            return super.updateDocuments(query, update, filters, multi, upsert, oplog);
        } finally {
            replacement = null;
        }
    }

    @Override
    public synchronized Document findAndModify(Document command) {
        replacement = command.get("update") instanceof Document update && isReplacement(update) ? update : null;
        try {
            return super.findAndModify(command);
        } finally {
            replacement = null;
        }
    }

    @Override
    public synchronized int deleteDocuments(Document query, int limit, Oplog oplog) {
        List<IdKey> found = find(query, null, 0, Math.max(limit, 0), null).remainingKeys();
        for (IdKey key : found) removeDocument(getDocument(key));
        return found.size();
    }

    @Override
    public synchronized void removeDocument(Document document) {
        super.removeDocument(document);
    }

    @Override
    public synchronized void renameTo(MongoDatabase newDatabase, String newName) {
        super.renameTo(newDatabase, newName);
    }

    @Override
    public int count(Document query, int skip, int limit) {
        long found = find(query == null ? new Document() : query, null, skip, Math.max(limit, 0), null).count();
        return (int) Math.min(found, Integer.MAX_VALUE);
    }

    @Override
    public int count() {
        return documents.size();
    }

    @Override
    public boolean isEmpty() {
        return documents.isEmpty();
    }

    @Override
    public void drop() {
        // The library wants all indexes dropped before; the one of `_id` goes with the map.
    }

    @Override
    protected IdKey addDocumentInternal(Document document) {
        Object id = getIdField() == null ? UNNAMED.incrementAndGet() : document.get(getIdField());
        IdKey key = IdKey.of(id);
        documents.put(key, StoredBson.encode(document));
        return key;
    }

    @Override
    protected Document getDocument(IdKey position) {
        byte[] stored = documents.get(position);
        return stored == null ? null : StoredBson.decode(stored);
    }

    @Override
    protected void removeDocument(IdKey position) {
        documents.remove(position);
    }

    @Override
    protected void handleUpdate(IdKey position, Document before, Document after) {
        try {
            documents.put(position, StoredBson.encode(replacement == null ? after : inOrderOf(replacement, after)));
        } catch (MongoServerError refused) {
            // The library has changed the indexes already.
            for (UniqueIndex index : uniqueIndexes) index.updateInPlace(after, before, position, this);
            throw refused;
        }
    }

    @Override
    protected Stream<DocumentWithPosition<IdKey>> streamAllDocumentsWithPosition() {
        return documents.entrySet().stream()
            .map(entry -> new DocumentWithPosition<>(StoredBson.decode(entry.getValue()), entry.getKey()));
    }

    @Override
    protected int getDataSize() {
        long size = 0;
        for (Cursor<IdKey, byte[]> cursor = documents.cursor(null); cursor.hasNext(); ) {
            cursor.next();
            size += cursor.getValue().length;
        }
        return (int) Math.min(size, Integer.MAX_VALUE);
    }

    @Override
    protected void updateDataSize(int delta) {}

    @Override
    protected boolean tracksDataSize() {
        return false;
    }

    private static boolean isReplacement(Document update) {
        return update.keySet().stream().noneMatch(key -> key.startsWith("$"));
    }

    private static Document inOrderOf(Document order, Document document) {
        Document ordered = new Document();
        for (String key : order.keySet()) ordered.put(key, document.get(key));
        for (String key : document.keySet()) ordered.putIfAbsent(key, document.get(key));
        return ordered;
    }
}
