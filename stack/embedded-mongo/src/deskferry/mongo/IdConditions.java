package deskferry.mongo;

import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.Decimal128;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * What a query says of `_id`: single keys, or a range of them, and the rest of the query that is still to be asked of
 * the documents found there.
 */
final class IdConditions {
    private static final byte[] BELOW_ALL = {};
    private static final byte[] ABOVE_ALL = {(byte) 0xFF};

    /** The only keys that can match, in order; null when a range says it. */
    private TreeSet<IdKey> points;
    private IdKey from = new IdKey(BELOW_ALL);
    private boolean fromIncluded = true;
    private IdKey to = new IdKey(ABOVE_ALL);
    private boolean toIncluded = true;
    private final Document rest = new Document();

    IdConditions(Document query, String idField) {
        for (Map.Entry<String, Object> entry : query.entrySet()) {
            if (entry.getKey().equals(idField)) {
                read(idField, entry.getValue());
            } else if (entry.getKey().equals("$and") && entry.getValue() instanceof List<?> all) {
                for (Object each : all) {
                    if (each instanceof Document one && one.containsKey(idField)) read(idField, one.get(idField));
                }
                rest.put(entry.getKey(), entry.getValue());
            } else {
                rest.put(entry.getKey(), entry.getValue());
            }
        }
        if (points != null) points.removeIf(key -> !inRange(key));
    }

    List<IdKey> points() {
        return points == null ? null : List.copyOf(points);
    }

    IdKey from() {
        return from;
    }

    IdKey to() {
        return to;
    }

    boolean isEverything() {
        return points == null && from.bytes == BELOW_ALL && to.bytes == ABOVE_ALL;
    }

    Document rest() {
        return rest;
    }

    boolean inRange(IdKey key) {
        int low = key.compareTo(from);
        int high = key.compareTo(to);
        return (low > 0 || (low == 0 && fromIncluded)) && (high < 0 || (high == 0 && toIncluded));
    }

    private void read(String idField, Object value) {
        if (!Operators.isCondition(value)) {
            only(Collections.singletonList(value));
        } else if (Operators.isRegularExpression(value)) {
            remain(idField, value);
            prefix(BsonRegularExpression.convertToRegularExpression(value));
        } else {
            ((Document) value).forEach((operator, operand) -> read(idField, operator, operand));
        }
    }

    private void read(String idField, String operator, Object operand) {
        if (operand instanceof Decimal128 || Operators.isRegularExpression(operand)) {
            remain(idField, new Document(operator, operand));
            return;
        }
        switch (operator) {
            case "$eq" -> only(Collections.singletonList(operand));
            case "$in" -> {
                if (operand instanceof Collection<?> list && list.stream().noneMatch(Operators::isRegularExpression)) {
                    only(list);
                } else {
                    remain(idField, new Document(operator, operand));
                }
            }
            case "$gt", "$gte" -> {
                byte[] bytes = OrderedBytes.of(operand);
                raise(new IdKey(bytes), operator.equals("$gte"));
                if (isBracketed(bytes)) lower(bracketEnd(bytes), false);
            }
            case "$lt", "$lte" -> {
                byte[] bytes = OrderedBytes.of(operand);
                lower(new IdKey(bytes), operator.equals("$lte"));
                if (isBracketed(bytes)) raise(new IdKey(new byte[] {bytes[0]}), true);
            }
            default -> remain(idField, new Document(operator, operand));
        }
    }

    /** Left to the matcher, together with earlier leftovers of the same field. */
    private void remain(String idField, Object condition) {
        Object before = rest.get(idField);
        if (before == null) {
            rest.put(idField, condition);
        } else if (before instanceof Document earlier && condition instanceof Document later
            && !Operators.isRegularExpression(before) && !Operators.isRegularExpression(condition)
            && Collections.disjoint(earlier.keySet(), later.keySet())) {
            Document both = earlier.clone();
            both.putAll(later);
            rest.put(idField, both);
        } else {
            throw Refusal.badValue("this combination of conditions on _id");
        }
    }

    private void only(Collection<?> ids) {
        TreeSet<IdKey> keys = new TreeSet<>();
        for (Object id : ids) keys.add(new IdKey(OrderedBytes.of(id)));
        if (points == null) points = keys;
        else points.retainAll(keys);
    }

    private void prefix(BsonRegularExpression expression) {
        String pattern = expression.getPattern();
        String options = expression.getOptions();
        if (!pattern.startsWith("^") || pattern.contains("|") || (options != null && !options.isEmpty())) return;
        StringBuilder literal = new StringBuilder();
        for (int i = 1; i < pattern.length(); i++) {
            char each = pattern.charAt(i);
            if (each == '\\' && i + 1 < pattern.length() && !Character.isLetterOrDigit(pattern.charAt(i + 1))) {
                each = pattern.charAt(++i);
            } else if ("\\^$.[]()*+?{}".indexOf(each) >= 0) {
                // A quantifier belongs to the character before it.
                if ("*?{".indexOf(each) >= 0 && literal.length() > 0) {
                    literal.setLength(literal.offsetByCodePoints(literal.length(), -1));
                }
                break;
            }
            literal.append(each);
        }
        byte[] low = OrderedBytes.stringPrefix(literal.toString());
        raise(new IdKey(low), true);
        byte[] high = Arrays.copyOf(low, low.length + 1);
        high[low.length] = (byte) 0xFF;
        lower(new IdKey(high), false);
    }

    private static boolean isBracketed(byte[] bytes) {
        int bracket = bytes[0] & 0xFF;
        return bracket != OrderedBytes.MIN_KEY && bracket != OrderedBytes.MAX_KEY;
    }

    private static IdKey bracketEnd(byte[] bytes) {
        return new IdKey(new byte[] {(byte) (bytes[0] + 1)});
    }

    private void raise(IdKey key, boolean included) {
        int order = key.compareTo(from);
        if (order > 0 || (order == 0 && !included)) {
            from = key;
            fromIncluded = included;
        }
    }

    private void lower(IdKey key, boolean included) {
        int order = key.compareTo(to);
        if (order < 0 || (order == 0 && !included)) {
            to = key;
            toIncluded = included;
        }
    }
}
