package deskferry.mongo;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An update statement that puts one document in the place of another, if that one is still as it was read:
 * `{q: {_id, $expr: {$eq: ['$$ROOT', {$literal: document}]}}, u: replacement}`. A stored document of the very same bytes is found so
 * without decoding any of them.
 */
record ReplacementAsRead(IdKey key, byte[] asRead, byte[] replacement) {
    private static final byte STRING = 2;
    private static final byte DOCUMENT = 3;
    private static final byte ARRAY = 4;
    private static final int END = 1;

    /**
     * @param statement a usual document (PlainBson)
     * @return null when it says anything else
     */
    static ReplacementAsRead of(byte[] statement) {
        Reader whole = new Reader(statement, 0);
        Reader query = whole.open(DOCUMENT, "q");
        byte[] id = query == null ? null : query.text("_id");
        Reader expression = id == null ? null : query.open(DOCUMENT, "$expr");
        Reader sides = expression == null ? null : expression.open(ARRAY, "$eq");
        byte[] root = sides == null ? null : sides.text("0");
        Reader literal = root == null ? null : sides.open(DOCUMENT, "1");
        byte[] asRead = literal == null ? null : literal.document("$literal");
        byte[] replacement = asRead == null ? null : whole.document("u");
        boolean isIt =
            replacement != null &&
            Arrays.equals(root, "$$ROOT".getBytes(StandardCharsets.US_ASCII)) &&
            literal.isAtEnd() && sides.isAtEnd() && expression.isAtEnd() && query.isAtEnd() && whole.isAtEnd() &&
            Arrays.equals(new Reader(replacement, 0).text("_id"), id) &&
            !PlainBson.namesOperator(replacement);
        return isIt ? new ReplacementAsRead(IdKey.of(new String(id, StandardCharsets.UTF_8)), asRead, replacement) : null;
    }

    /** The elements of a document, one after the other, each of them expected. */
    private static final class Reader {
        private final byte[] bytes;
        private final int end;
        private int at;

        Reader(byte[] bytes, int begin) {
            this.bytes = bytes;
            this.end = begin + int32(bytes, begin) - END;
            this.at = begin + Integer.BYTES;
        }

        boolean isAtEnd() {
            return at == end;
        }

        /** The bytes of a text, or null when it is not what comes next. */
        byte[] text(String name) {
            if (!enter(STRING, name)) return null;
            int from = at + Integer.BYTES;
            at = from + int32(bytes, at);
            return Arrays.copyOfRange(bytes, from, at - END);
        }

        byte[] document(String name) {
            if (!enter(DOCUMENT, name)) return null;
            int from = at;
            at += int32(bytes, at);
            return Arrays.copyOfRange(bytes, from, at);
        }

        Reader open(byte type, String name) {
            if (!enter(type, name)) return null;
            Reader inner = new Reader(bytes, at);
            at += int32(bytes, at);
            return inner;
        }

        private boolean enter(byte type, String name) {
            int nameEnd = at + 1 + name.length();
            if (nameEnd >= end || bytes[at] != type || bytes[nameEnd] != 0) return false;
            for (int place = 0; place < name.length(); place++) {
                if (bytes[at + 1 + place] != name.charAt(place)) return false;
            }
            at = nameEnd + 1;
            return true;
        }

        private static int int32(byte[] bytes, int at) {
            return bytes[at] & 0xFF | (bytes[at + 1] & 0xFF) << 8 | (bytes[at + 2] & 0xFF) << 16 | bytes[at + 3] << 24;
        }
    }
}
