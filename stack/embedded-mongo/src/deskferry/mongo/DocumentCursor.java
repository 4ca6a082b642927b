package deskferry.mongo;

import de.bwaldvogel.mongo.backend.BackendInternals;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * What a query finds, a batch at a time. `_id` conditions, the order of `_id` and limits are served from the map
 * without looking at other documents. Between two batches it holds no more than its place (or, for another order, the
 * keys), so it neither keeps old states of the store nor a result in memory.
 */
final class DocumentCursor {
    private final MVMap<IdKey, byte[]> documents;
    private final String idField;
    private final IdConditions conditions;
    private final DocumentMatcher matcher;
    private final Document projection;
    private final boolean idOnly;
    private final boolean descending;
    /** Set when single keys are to be visited; else the range is. */
    private final List<IdKey> keys;
    private int nextKey;
    private IdKey last;
    private int toSkip;
    private int toReturn;
    private boolean exhausted;

    DocumentCursor(Collection collection, Document query, Document sort, int skip, int limit, Document projection) {
        this.documents = collection.documents();
        this.idField = collection.idField();
        this.conditions = new IdConditions(query, idField);
        this.projection = projection == null || projection.isEmpty() ? null : projection;
        this.idOnly = isIdOnly(this.projection);
        this.toSkip = skip;
        this.toReturn = limit > 0 ? limit : Integer.MAX_VALUE;
        List<IdKey> points = conditions.points();
        List<IdKey> candidates = points != null ? points : collection.uniqueCandidates(conditions.rest());
        DocumentMatcher rest = new DocumentMatcher(conditions.rest());
        boolean byId = sort == null || sort.isEmpty() || sortsById(sort, idField);
        this.descending = byId && sort != null && !sort.isEmpty() && direction(sort.values().iterator().next()) < 0;
        if (byId) {
            this.keys = candidates == null ? null : descending ? reversed(candidates) : candidates;
        } else {
            this.keys = new DocumentCursor(this, candidates, rest).sortedKeys(sort);
        }
        this.matcher = rest;
    }

    /** Everything the query finds, in the order of the map: what sorting begins with. */
    private DocumentCursor(DocumentCursor of, List<IdKey> candidates, DocumentMatcher matcher) {
        this.documents = of.documents;
        this.idField = of.idField;
        this.conditions = of.conditions;
        this.matcher = matcher;
        this.projection = null;
        this.idOnly = false;
        this.descending = false;
        this.keys = candidates;
        this.toReturn = Integer.MAX_VALUE;
    }

    boolean isExhausted() {
        return exhausted;
    }

    /** The next documents: at most `count`, and no further one once they have reached `bytes`. */
    List<Document> take(int count, long bytes, BigWork bigWork) {
        StoredBatch whole = new StoredBatch();
        List<Document> shown = new ArrayList<>();
        long size = 0;
        for (Visit visit = new Visit(); whole.size() + shown.size() < count && size < bytes && visit.step(); ) {
            size += visit.value.length;
            if (size > BigWork.BIG) bigWork.enter();
            if (projection == null) whole.take(visit.value);
            else shown.add(shown(visit.decoded()));
        }
        return projection == null ? whole : shown;
    }

    /** All that remains, one by one. */
    Iterator<Document> iterator() {
        Visit visit = new Visit();
        return new Iterator<>() {
            private Document ahead;

            @Override
            public boolean hasNext() {
                if (ahead == null) ahead = visit.next();
                return ahead != null;
            }

            @Override
            public Document next() {
                if (!hasNext()) throw new NoSuchElementException();
                Document document = ahead;
                ahead = null;
                return shown(document);
            }
        };
    }

    List<IdKey> remainingKeys() {
        List<IdKey> found = new ArrayList<>();
        for (Visit visit = new Visit(); visit.step(); ) found.add(visit.key);
        return found;
    }

    long count() {
        if (keys == null && matcher.isAlwaysTrue() && conditions.isEverything()) {
            return Math.min(Math.max(0, documents.sizeAsLong() - toSkip), toReturn);
        }
        long found = 0;
        for (Visit visit = new Visit(); visit.step(); ) found++;
        return found;
    }

    private List<IdKey> sortedKeys(Document sort) {
        record Sorted(IdKey key, byte[][] values) {}
        String[] fields = sort.keySet().toArray(String[]::new);
        boolean[] ascending = new boolean[fields.length];
        for (int i = 0; i < fields.length; i++) ascending[i] = direction(sort.get(fields[i])) > 0;
        List<Sorted> found = new ArrayList<>();
        for (Visit visit = new Visit(); ; ) {
            Document document = visit.next();
            if (document == null) break;
            byte[][] values = new byte[fields.length][];
            for (int i = 0; i < fields.length; i++) {
                Object value = Utils.getSubdocumentValueCollectionAware(document, fields[i]);
                values[i] = OrderedBytes.forSort(value, ascending[i]);
            }
            found.add(new Sorted(visit.key, values));
        }
        Comparator<Sorted> order = (a, b) -> {
            for (int i = 0; i < fields.length; i++) {
                int each = Arrays.compareUnsigned(a.values[i], b.values[i]);
                if (each != 0) return ascending[i] ? each : -each;
            }
            return 0;
        };
        found.sort(order);
        return found.stream().map(Sorted::key).toList();
    }

    private Document shown(Document document) {
        return projection == null ? document : BackendInternals.project(document, projection, idField);
    }

    private static boolean sortsById(Document sort, String idField) {
        String first = sort.keySet().iterator().next();
        return first.equals(idField) || first.equals("$natural");
    }

    private static int direction(Object value) {
        if (value instanceof Number number && Math.abs(number.doubleValue()) == 1) return number.intValue();
        throw Refusal.badValue("a sort by anything but 1 and -1");
    }

    private static boolean isIdOnly(Document projection) {
        return projection != null && projection.size() == 1 && Utils.isTrue(projection.get("_id"));
    }

    private static List<IdKey> reversed(List<IdKey> keys) {
        List<IdKey> turned = new ArrayList<>(keys);
        java.util.Collections.reverse(turned);
        return turned;
    }

    /** One pass over the candidates, from where the cursor is. */
    private final class Visit {
        private final Cursor<IdKey, byte[]> range;
        private IdKey key;
        private byte[] value;
        private Document document;

        Visit() {
            if (keys != null) {
                range = null;
            } else if (descending) {
                range = documents.cursor(last == null ? conditions.to() : last, conditions.from(), true);
            } else {
                range = documents.cursor(last == null ? conditions.from() : last, conditions.to(), false);
            }
        }

        /** The next document that matches, or null at the end. */
        Document next() {
            return step() ? decoded() : null;
        }

        /** The document that is visited. */
        Document decoded() {
            if (document != null) return document;
            return idOnly && idField.equals("_id") ? StoredBson.decodeId(value) : StoredBson.decode(value);
        }

        /** Goes to the next match without decoding more than the query needs. */
        boolean step() {
            while (!exhausted && forward()) {
                document = null;
                if (!matcher.isAlwaysTrue()) {
                    document = StoredBson.decode(value);
                    if (!matcher.matches(document)) continue;
                }
                if (toSkip > 0) {
                    toSkip--;
                    continue;
                }
                if (--toReturn == 0) exhausted = true;
                return true;
            }
            exhausted = true;
            return false;
        }

        private boolean forward() {
            if (keys != null) {
                while (nextKey < keys.size()) {
                    key = keys.get(nextKey++);
                    value = documents.get(key);
                    if (value != null) return true;
                }
                return false;
            }
            while (range.hasNext()) {
                key = range.next();
                value = range.getValue();
                if (key.equals(last) || !conditions.inRange(key)) continue;
                last = key;
                return true;
            }
            return false;
        }
    }
}
