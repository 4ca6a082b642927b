package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** `{$expr: {$eq: ['$$ROOT', {$literal: document}]}}`: the whole document, with its fields in their order. */
final class WholeDocument {
    private WholeDocument() {}

    /** The document that an `$expr` asks for in just that way, or null. */
    static Document wantedBy(Object expression) {
        if (!(expression instanceof Document comparison && comparison.size() == 1)) return null;
        if (!(comparison.get("$eq") instanceof List<?> sides && sides.size() == 2)) return null;
        return "$$ROOT".equals(sides.get(0)) ? literal(sides.get(1)) : null;
    }

    /** The document in `{$literal: document}`, or null. */
    static Document literal(Object expression) {
        if (!(expression instanceof Document literal && literal.size() == 1)) return null;
        return literal.get("$literal") instanceof Document document ? document : null;
    }

    /** Whether MongoDB takes the values for equal; most are found so without making their ordered bytes. */
    static boolean isSame(Object one, Object other) {
        if (one instanceof Map<?, ?> fields && other instanceof Map<?, ?> others) {
            if (fields.size() != others.size()) return false;
            Iterator<? extends Map.Entry<?, ?>> beside = others.entrySet().iterator();
            for (Map.Entry<?, ?> field : fields.entrySet()) {
                Map.Entry<?, ?> with = beside.next();
                if (!field.getKey().equals(with.getKey()) || !isSame(field.getValue(), with.getValue())) return false;
            }
            return true;
        }
        if (one instanceof Collection<?> elements && other instanceof Collection<?> others) {
            if (elements.size() != others.size()) return false;
            Iterator<?> beside = others.iterator();
            for (Object element : elements) if (!isSame(element, beside.next())) return false;
            return true;
        }
        if (one instanceof String || one instanceof Boolean || one instanceof Instant) return one.equals(other);
        return Arrays.equals(OrderedBytes.of(one), OrderedBytes.of(other));
    }
}
