package deskferry.mongo;

import de.bwaldvogel.mongo.backend.DefaultQueryMatcher;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A query, made ready once and asked of many documents. Plain values and the comparisons of a whole field are decided
 * here, exactly as MongoDB does (the library takes `{}` for every value and ignores the order of nested fields); all
 * else is the library's.
 */
final class DocumentMatcher {
    private static final Set<String> COMPARISONS =
        Set.of("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists");

    private final List<Predicate<Document>> tests = new ArrayList<>();

    DocumentMatcher(Document query) {
        query.forEach((key, value) -> tests.add(test(key, value)));
    }

    boolean matches(Document document) {
        for (Predicate<Document> test : tests) {
            if (!test.test(document)) return false;
        }
        return true;
    }

    boolean isAlwaysTrue() {
        return tests.isEmpty();
    }

    private static Predicate<Document> test(String key, Object value) {
        switch (key) {
            case "$and", "$or", "$nor" -> {
                if (isListOfDocuments(value)) return combined(key, (Collection<?>) value);
            }
            case "$expr" -> {
                Document wanted = WholeDocument.wantedBy(value);
                if (wanted != null) return document -> WholeDocument.isSame(document, wanted);
            }
            default -> {
                if (!key.startsWith("$") && !key.contains(".")) {
                    if (!Operators.isCondition(value)) return equal(key, value);
                    if (isComparison(value)) return compared(key, (Document) value);
                }
            }
        }
        return byLibrary(key, value);
    }

    private static Predicate<Document> byLibrary(String key, Object value) {
        Document query = new Document(key, value);
        return document -> new DefaultQueryMatcher().matches(document, query);
    }

    private static boolean isListOfDocuments(Object value) {
        return value instanceof Collection<?> list
            && !list.isEmpty()
            && list.stream().allMatch(Document.class::isInstance);
    }

    private static Predicate<Document> combined(String key, Collection<?> queries) {
        List<DocumentMatcher> matchers =
            queries.stream().map(query -> new DocumentMatcher((Document) query)).toList();
        return switch (key) {
            case "$and" -> document -> matchers.stream().allMatch(one -> one.matches(document));
            case "$or" -> document -> matchers.stream().anyMatch(one -> one.matches(document));
            default -> document -> matchers.stream().noneMatch(one -> one.matches(document));
        };
    }

    private static Predicate<Document> equal(String key, Object wanted) {
        byte[] bytes = OrderedBytes.of(wanted);
        return document -> isEqual(document.getOrMissing(key), bytes);
    }

    /** Equal as a whole or, where the field is an array, in one of its elements. */
    private static boolean isEqual(Object value, byte[] wanted) {
        if (Arrays.equals(OrderedBytes.of(value), wanted)) return true;
        return value instanceof Collection<?> elements
            && elements.stream().anyMatch(element -> Arrays.equals(OrderedBytes.of(element), wanted));
    }

    private static boolean isComparison(Object value) {
        if (!(value instanceof Document condition) || !COMPARISONS.containsAll(condition.keySet())) return false;
        for (Map.Entry<String, Object> each : condition.entrySet()) {
            if (each.getKey().equals("$in") || each.getKey().equals("$nin")) {
                if (!(each.getValue() instanceof Collection<?> list)) return false;
                if (list.stream().anyMatch(Operators::isRegularExpression)) return false;
            } else if (Operators.isRegularExpression(each.getValue())) {
                return false;
            }
        }
        return true;
    }

    private static Predicate<Document> compared(String key, Document condition) {
        Predicate<Object> all = value -> true;
        for (Map.Entry<String, Object> each : condition.entrySet()) all = all.and(comparison(each.getKey(), each.getValue()));
        Predicate<Object> whole = all;
        Predicate<Document> byLibrary = byLibrary(key, condition);
        return document -> {
            Object value = document.getOrMissing(key);
            return value instanceof Collection ? byLibrary.test(document) : whole.test(value);
        };
    }

    private static Predicate<Object> comparison(String operator, Object operand) {
        switch (operator) {
            case "$exists" -> {
                boolean wanted = !(operand == null || Boolean.FALSE.equals(operand)
                    || (operand instanceof Number number && number.doubleValue() == 0));
                return value -> value instanceof Missing != wanted;
            }
            case "$in", "$nin" -> {
                List<byte[]> wanted = ((Collection<?>) operand).stream().map(OrderedBytes::of).toList();
                boolean in = operator.equals("$in");
                return value -> {
                    byte[] bytes = OrderedBytes.of(value);
                    return wanted.stream().anyMatch(one -> Arrays.equals(one, bytes)) == in;
                };
            }
            default -> {
                byte[] wanted = OrderedBytes.of(operand);
                return value -> {
                    byte[] bytes = OrderedBytes.of(value);
                    int order = Arrays.compareUnsigned(bytes, wanted);
                    if (operator.equals("$eq")) return order == 0;
                    if (operator.equals("$ne")) return order != 0;
                    int bracket = wanted[0] & 0xFF;
                    boolean comparable = OrderedBytes.sameBracket(bytes, wanted)
                        || bracket == OrderedBytes.MIN_KEY || bracket == OrderedBytes.MAX_KEY;
                    return comparable && switch (operator) {
                        case "$gt" -> order > 0;
                        case "$gte" -> order >= 0;
                        case "$lt" -> order < 0;
                        default -> order <= 0;
                    };
                };
            }
        }
    }
}
