package deskferry.mongo;

import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_ARRAY;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_EMBEDDED_DOCUMENT;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_UTF8_STRING;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An update statement that puts one document in the place of another, if that one is still as it was read:
 * `{q: {_id, $expr: {$eq: ['$$ROOT', {$literal: document}]}}, u: replacement}`. A stored document of the very same bytes is found so
 * without decoding any of them.
 */
record ReplacementAsRead(IdKey key, byte[] asRead, byte[] replacement) {
    private static final byte[] ROOT = "$$ROOT".getBytes(StandardCharsets.US_ASCII);
    private static final int END = 1;

    /**
     * @param statement a usual document (PlainBson)
     * @return null when it says anything else
     */
    static ReplacementAsRead of(byte[] statement) {
        try {
            Reader whole = new Reader(statement, 0);
            Reader query = whole.open(TYPE_EMBEDDED_DOCUMENT, "q");
            byte[] id = query.text("_id");
            Reader expression = query.open(TYPE_EMBEDDED_DOCUMENT, "$expr");
            Reader sides = expression.open(TYPE_ARRAY, "$eq");
            byte[] root = sides.text("0");
            Reader literal = sides.open(TYPE_EMBEDDED_DOCUMENT, "1");
            byte[] asRead = literal.document("$literal");
            byte[] replacement = whole.document("u");
            boolean isIt =
                literal.isAtEnd() && sides.isAtEnd() && expression.isAtEnd() && query.isAtEnd() && whole.isAtEnd() &&
                Arrays.equals(root, ROOT) &&
                Arrays.equals(new Reader(replacement, 0).text("_id"), id) &&
                !PlainBson.namesOperator(replacement);
            return isIt ? new ReplacementAsRead(IdKey.of(new String(id, StandardCharsets.UTF_8)), asRead, replacement) : null;
        } catch (AnythingElse other) {
            return null;
        }
    }

    /** The statement says something else; it is thrown for most updates, so it holds no trace. */
    private static final class AnythingElse extends Exception {
        static final AnythingElse IT = new AnythingElse();

        private AnythingElse() {
            super(null, null, false, false);
        }
    }

    /** The elements of a document, one after the other, each of them expected. */
    private static final class Reader {
        private final byte[] bytes;
        private final int end;
        private int at;

        Reader(byte[] bytes, int begin) {
            this.bytes = bytes;
            this.end = begin + PlainBson.int32(bytes, begin) - END;
            this.at = begin + Integer.BYTES;
        }

        boolean isAtEnd() {
            return at == end;
        }

        byte[] text(String name) throws AnythingElse {
            enter(TYPE_UTF8_STRING, name);
            int from = at + Integer.BYTES;
            at = from + PlainBson.int32(bytes, at);
            return Arrays.copyOfRange(bytes, from, at - END);
        }

        byte[] document(String name) throws AnythingElse {
            enter(TYPE_EMBEDDED_DOCUMENT, name);
            int from = at;
            at += PlainBson.int32(bytes, at);
            return Arrays.copyOfRange(bytes, from, at);
        }

        Reader open(byte type, String name) throws AnythingElse {
            enter(type, name);
            Reader inner = new Reader(bytes, at);
            at += PlainBson.int32(bytes, at);
            return inner;
        }

        private void enter(byte type, String name) throws AnythingElse {
            int nameEnd = at + 1 + name.length();
            if (nameEnd >= end || bytes[at] != type || bytes[nameEnd] != 0) throw AnythingElse.IT;
            for (int place = 0; place < name.length(); place++) {
                if (bytes[at + 1 + place] != name.charAt(place)) throw AnythingElse.IT;
            }
            at = nameEnd + 1;
        }
    }
}
