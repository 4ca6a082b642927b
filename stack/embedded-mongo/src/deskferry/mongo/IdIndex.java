package deskferry.mongo;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import java.util.List;
import org.h2.mvstore.MVMap;

/** The index of `_id`: the map of the documents itself, so there is nothing to keep in step with it. */
final class IdIndex extends Index<IdKey> {
    private final MVMap<IdKey, byte[]> documents;
    private final String idField;

    IdIndex(MVMap<IdKey, byte[]> documents, String idField) {
        super("_id_", List.of(new IndexKey(idField, true)), false);
        this.documents = documents;
        this.idField = idField;
    }

    @Override
    public IdKey getPosition(Document document) {
        IdKey key = IdKey.of(document.get(idField));
        return documents.containsKey(key) ? key : null;
    }

    @Override
    public void checkAdd(Document document, MongoCollection<IdKey> collection) {
        if (getPosition(document) != null) {
            throw new DuplicateKeyError(this, collection, getKeys(), new KeyValue(document.get(idField)));
        }
    }

    @Override
    public IdKey remove(Document document) {
        return getPosition(document);
    }

    @Override
    public void add(Document document, IdKey position, MongoCollection<IdKey> collection) {}

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<IdKey> collection) {}

    @Override
    public void updateInPlace(Document before, Document after, IdKey position, MongoCollection<IdKey> collection) {}

    @Override
    public boolean canHandle(Document query) {
        return false;
    }

    @Override
    public Iterable<IdKey> getPositions(Document query) {
        throw new UnsupportedOperationException("queries by _id go to the map");
    }

    @Override
    public boolean isUnique() {
        return true;
    }

    @Override
    public long getCount() {
        return documents.sizeAsLong();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }

    @Override
    public void drop() {}
}
