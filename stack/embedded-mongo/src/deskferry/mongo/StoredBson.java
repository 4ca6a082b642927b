package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.BsonConstants;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;

/**
 * Documents as BSON bytes. Every read decodes anew: nobody shares a document with a writer, so none is ever seen half
 * changed.
 */
final class StoredBson {
    private static final int LARGEST = BsonConstants.MAX_BSON_OBJECT_SIZE;
    /** What a command adds to the documents it holds. */
    private static final int AROUND = 16 * 1024;
    private static final byte[] ID_NAME = {'_', 'i', 'd', 0};

    private StoredBson() {}

    static byte[] encode(Document document) {
        ByteBuf buffer = Unpooled.buffer(1024);
        BsonEncoder.encodeDocument(idFirst(document), buffer);
        int size = buffer.readableBytes();
        requireSize(size);
        byte[] bytes = new byte[size];
        buffer.readBytes(bytes);
        return bytes;
    }

    static void requireSize(int size) {
        if (size > LARGEST) throw Refusal.tooLarge(size);
    }

    /** A statement holds documents, and is no larger than one but for what stands around them. */
    static void requireStatementSize(int size) {
        if (size > LARGEST + AROUND) throw Refusal.tooLarge(size);
    }

    static Document decode(byte[] bytes) {
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes));
    }

    /** Only the `_id`, without decoding what follows it. */
    static Document decodeId(byte[] bytes) {
        if (!beginsWithId(bytes)) return new Document();
        ByteBuf buffer = Unpooled.wrappedBuffer(bytes).readerIndex(5 + ID_NAME.length);
        return new Document("_id", BsonDecoder.decodeValue(bytes[4], buffer));
    }

    static boolean beginsWithId(byte[] bytes) {
        int begin = 5;
        int end = begin + ID_NAME.length;
        return bytes.length >= end && Arrays.equals(bytes, begin, end, ID_NAME, 0, ID_NAME.length);
    }

    private static Document idFirst(Document document) {
        if (!document.containsKey("_id") || document.keySet().iterator().next().equals("_id")) return document;
        Document ordered = new Document("_id", document.get("_id"));
        ordered.putAll(document);
        return ordered;
    }
}
