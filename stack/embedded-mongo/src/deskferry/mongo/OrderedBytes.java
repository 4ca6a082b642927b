package deskferry.mongo;

import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.BsonJavaScript;
import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.BsonTimestamp;
import de.bwaldvogel.mongo.bson.Decimal128;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.LegacyUUID;
import de.bwaldvogel.mongo.bson.MaxKey;
import de.bwaldvogel.mongo.bson.MinKey;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.UUID;

/**
 * A BSON value as bytes that compare (unsigned) as MongoDB compares the values, and are equal exactly if MongoDB takes
 * the values for equal: 1, 1L and 1.0 are one value, the order of a document's fields counts, strings compare by code
 * point. The first byte is the bracket of the type; comparisons of queries stay within it. Decimal128 has a bracket of
 * its own: equal to decimals only.
 */
final class OrderedBytes {
    static final int MIN_KEY = 0x01;
    private static final int EMPTY_ARRAY_IN_SORT = 0x08;
    static final int NULL = 0x10;
    private static final int NUMBER = 0x20;
    private static final int DECIMAL = 0x28;
    static final int STRING = 0x30;
    private static final int OBJECT = 0x40;
    private static final int ARRAY = 0x50;
    private static final int BINARY = 0x60;
    private static final int OBJECT_ID = 0x70;
    private static final int BOOLEAN = 0x80;
    private static final int DATE = 0x90;
    private static final int TIMESTAMP = 0xA0;
    private static final int REGEX = 0xB0;
    private static final int CODE = 0xB8;
    static final int MAX_KEY = 0xF0;
    private static final int END = 0x00;

    private byte[] bytes = new byte[64];
    private int length;

    private OrderedBytes() {}

    static byte[] of(Object value) {
        OrderedBytes out = new OrderedBytes();
        out.value(value);
        return out.whole();
    }

    /** For sorting: an array counts as its least or, descending, its greatest element. */
    static byte[] forSort(Object value, boolean ascending) {
        if (!(value instanceof Collection<?> elements)) return of(value);
        byte[] chosen = null;
        for (Object element : elements) {
            byte[] candidate = of(element);
            if (chosen == null || Arrays.compareUnsigned(candidate, chosen) < 0 == ascending) chosen = candidate;
        }
        return chosen != null ? chosen : new byte[] {EMPTY_ARRAY_IN_SORT};
    }

    /** The beginning of every string that begins with `prefix`. */
    static byte[] stringPrefix(String prefix) {
        OrderedBytes out = new OrderedBytes();
        out.put(STRING);
        out.text(prefix);
        return out.whole();
    }

    static boolean sameBracket(byte[] a, byte[] b) {
        return a[0] == b[0];
    }

    private byte[] whole() {
        return Arrays.copyOf(bytes, length);
    }

    private void value(Object value) {
        if (Missing.isNullOrMissing(value)) {
            put(NULL);
        } else if (value instanceof String text) {
            put(STRING);
            terminated(text);
        } else if (value instanceof Decimal128 decimal) {
            put(DECIMAL);
            terminated(decimal.toString());
        } else if (value instanceof Number number) {
            put(NUMBER);
            number(number);
        } else if (value instanceof Map<?, ?> map) {
            put(OBJECT);
            for (Map.Entry<?, ?> field : map.entrySet()) {
                byte[] inner = of(field.getValue());
                put(inner[0] & 0xFF);
                terminated((String) field.getKey());
                put(inner, 1);
            }
            put(END);
        } else if (value instanceof Collection<?> elements) {
            put(ARRAY);
            for (Object element : elements) value(element);
            put(END);
        } else if (value instanceof BinData binary) {
            binary(0, binary.getData());
        } else if (value instanceof LegacyUUID uuid) {
            binary(3, bytesOf(uuid.getUuid()));
        } else if (value instanceof UUID uuid) {
            binary(4, bytesOf(uuid));
        } else if (value instanceof ObjectId id) {
            put(OBJECT_ID);
            put(id.toByteArray(), 0);
        } else if (value instanceof Boolean truth) {
            put(BOOLEAN);
            put(truth ? 1 : 0);
        } else if (value instanceof Instant instant) {
            put(DATE);
            bigEndian(instant.toEpochMilli() ^ Long.MIN_VALUE);
        } else if (value instanceof BsonTimestamp timestamp) {
            put(TIMESTAMP);
            bigEndian(timestamp.getValue());
        } else if (value instanceof BsonRegularExpression expression) {
            put(REGEX);
            terminated(expression.getPattern());
            terminated(expression.getOptions() == null ? "" : expression.getOptions());
        } else if (value instanceof BsonJavaScript code) {
            put(CODE);
            terminated(code.getCode());
        } else if (value instanceof MinKey) {
            put(MIN_KEY);
        } else if (value instanceof MaxKey) {
            put(MAX_KEY);
        } else {
            throw Refusal.badValue("a value of type " + value.getClass().getSimpleName());
        }
    }

    /** The greatest double not above the number, and what remains: integers beyond 2^53 stay apart. */
    private void number(Number number) {
        if (number instanceof Double || number instanceof Float) {
            double value = number.doubleValue();
            bigEndian(Double.isNaN(value) ? 0 : ordered(value));
            return;
        }
        long value = number.longValue();
        double floor = (double) value;
        // 2^63 does not fit a long: the cast would hide that rounding went up.
        if (floor >= 0x1p63 || (long) floor > value) floor = Math.nextDown(floor);
        bigEndian(ordered(floor));
        long remainder = value - (long) floor;
        if (remainder != 0) {
            put((int) (remainder >>> 8));
            put((int) remainder);
        }
    }

    private static long ordered(double value) {
        long bits = Double.doubleToLongBits(value == 0 ? 0.0 : value);
        return bits < 0 ? ~bits : bits | Long.MIN_VALUE;
    }

    private void binary(int subtype, byte[] data) {
        put(BINARY);
        put(data.length >>> 24);
        put(data.length >>> 16);
        put(data.length >>> 8);
        put(data.length);
        put(subtype);
        put(data, 0);
    }

    private static byte[] bytesOf(UUID uuid) {
        OrderedBytes out = new OrderedBytes();
        out.bigEndian(uuid.getMostSignificantBits());
        out.bigEndian(uuid.getLeastSignificantBits());
        return out.whole();
    }

    private void terminated(String text) {
        text(text);
        put(0x00);
        put(0x00);
    }

    private void text(String text) {
        for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
            put(each);
            // A zero within the text sorts above the end of the text.
            if (each == 0) put(0xFF);
        }
    }

    private void bigEndian(long value) {
        for (int shift = 56; shift >= 0; shift -= 8) put((int) (value >>> shift));
    }

    private void put(byte[] more, int from) {
        reserve(more.length - from);
        System.arraycopy(more, from, bytes, length, more.length - from);
        length += more.length - from;
    }

    private void put(int each) {
        reserve(1);
        bytes[length++] = (byte) each;
    }

    private void reserve(int more) {
        if (length + more > bytes.length) bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
    }
}
