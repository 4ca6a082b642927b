package deskferry.mongo;

import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_ARRAY;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_BOOLEAN;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_DOUBLE;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_EMBEDDED_DOCUMENT;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_INT32;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_INT64;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_NULL;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_OBJECT_ID;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_UTC_DATETIME;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_UTF8_STRING;

/** Documents whose bytes can be taken as they came: whole, and of the usual types. */
final class PlainBson {
    private static final int DEEPEST = 50;

    private static final int BROKEN = -1;
    private static final int UNUSUAL = -2;

    private final byte[] bytes;

    private PlainBson(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * Whether a document can be stored as it is: the `_id` stands before everything else, too.
     *
     * @throws IllegalArgumentException when the bytes are no document
     */
    static boolean isPlain(byte[] document) {
        return isUsual(document) && StoredBson.beginsWithId(document) && isUsualId(document[4]);
    }

    /** @throws IllegalArgumentException when the bytes are no document: the library would take lengths in them for true */
    static boolean isUsual(byte[] document) {
        int end = new PlainBson(document).documentEnd(0, document.length, 0);
        if (end == BROKEN) throw new IllegalArgumentException("a document that is broken");
        return end != UNUSUAL;
    }

    /** Whether a field of a usual document is named like an operator; of those within it nothing is said. */
    static boolean namesOperator(byte[] document) {
        PlainBson plain = new PlainBson(document);
        int end = document.length - 1;
        for (int at = 4; at < end; ) {
            byte type = document[at++];
            if (document[at] == '$') return true;
            while (document[at] != 0) at++;
            at = plain.valueEnd(type, at + 1, end, 0);
        }
        return false;
    }

    private static boolean isUsualId(byte type) {
        return type == TYPE_UTF8_STRING || type == TYPE_OBJECT_ID || type == TYPE_INT32;
    }

    /** Where the document ends that begins here, BROKEN, or UNUSUAL when it holds what is not known here. */
    private int documentEnd(int begin, int limit, int depth) {
        if (depth > DEEPEST) return UNUSUAL;
        if (limit - begin < 5) return BROKEN;
        int size = int32(begin);
        if (size < 5 || size > limit - begin || depth == 0 && size != limit) return BROKEN;
        int end = begin + size - 1;
        int at = begin + 4;
        while (at < end) {
            byte type = bytes[at++];
            while (at < end && bytes[at] != 0) at++;
            if (at >= end) return BROKEN;
            at = valueEnd(type, at + 1, end, depth);
            if (at < 0) return at;
            if (at > end) return BROKEN;
        }
        return bytes[end] == 0 ? end + 1 : BROKEN;
    }

    private int valueEnd(byte type, int at, int end, int depth) {
        return switch (type) {
            case TYPE_UTF8_STRING -> {
                if (end - at < 5) yield BROKEN;
                int size = int32(at);
                if (size < 1 || size > end - at - 4) yield BROKEN;
                yield bytes[at + 3 + size] == 0 ? at + 4 + size : BROKEN;
            }
            case TYPE_EMBEDDED_DOCUMENT, TYPE_ARRAY -> documentEnd(at, end, depth + 1);
            case TYPE_OBJECT_ID -> at + 12;
            case TYPE_BOOLEAN -> at < end && (bytes[at] == 0 || bytes[at] == 1) ? at + 1 : BROKEN;
            case TYPE_DOUBLE, TYPE_UTC_DATETIME, TYPE_INT64 -> at + 8;
            case TYPE_INT32 -> at + 4;
            case TYPE_NULL -> at;
            default -> UNUSUAL;
        };
    }

    private int int32(int at) {
        return int32(bytes, at);
    }

    static int int32(byte[] bytes, int at) {
        return bytes[at] & 0xFF | (bytes[at + 1] & 0xFF) << 8 | (bytes[at + 2] & 0xFF) << 16 | bytes[at + 3] << 24;
    }
}
