package deskferry.mongo;

import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Set;

/** Tells conditions (`{$gt: 1}`) from plain values in queries. */
final class Operators {
    private static final Set<String> REFERENCE_FIELDS = Set.of("$ref", "$id", "$db");

    private Operators() {}

    static boolean isCondition(Object value) {
        if (BsonRegularExpression.isRegularExpression(value)) return true;
        if (!(value instanceof Document document) || document.isEmpty()) return false;
        String first = document.keySet().iterator().next();
        return first.startsWith("$") && !REFERENCE_FIELDS.contains(first);
    }

    static boolean isRegularExpression(Object value) {
        return BsonRegularExpression.isRegularExpression(value);
    }
}
