package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;

/** Documents of an answer as they are stored; one that somebody looks at is decoded then. */
final class StoredBatch extends AbstractList<Document> {
    private final List<byte[]> stored = new ArrayList<>();

    void take(byte[] document) {
        stored.add(document);
    }

    byte[] bytes(int index) {
        return stored.get(index);
    }

    @Override
    public Document get(int index) {
        return StoredBson.decode(stored.get(index));
    }

    @Override
    public int size() {
        return stored.size();
    }
}
