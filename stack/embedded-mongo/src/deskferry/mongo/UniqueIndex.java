package deskferry.mongo;

import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A unique index beside `_id`. Kept in memory and filled from the documents when the server starts, so that a crash
 * between two writes cannot leave it in disagreement with them.
 */
final class UniqueIndex extends AbstractUniqueIndex<IdKey> {
    private final Map<KeyValue, IdKey> positions = new ConcurrentHashMap<>();

    UniqueIndex(String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
    }

    /** The only document that a query with a plain value for every indexed field can match; null if it says less. */
    List<IdKey> candidates(Document query) {
        List<Object> values = new ArrayList<>();
        for (String key : keys()) {
            Object value = query.get(key);
            boolean plain = value instanceof String || value instanceof Number || value instanceof Boolean
                || value instanceof ObjectId || value instanceof Instant;
            if (!plain) return null;
            values.add(value);
        }
        IdKey position = positions.get(new KeyValue(values).normalized());
        return position == null ? List.of() : List.of(position);
    }

    @Override
    protected IdKey removeDocument(KeyValue key) {
        return positions.remove(key);
    }

    @Override
    protected boolean putKeyPosition(KeyValue key, IdKey position) {
        return positions.putIfAbsent(key, position) == null;
    }

    @Override
    protected Iterable<Map.Entry<KeyValue, IdKey>> getIterable() {
        return positions.entrySet();
    }

    @Override
    protected IdKey getPosition(KeyValue key) {
        return positions.get(key);
    }

    @Override
    public long getCount() {
        return positions.size();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }
}
