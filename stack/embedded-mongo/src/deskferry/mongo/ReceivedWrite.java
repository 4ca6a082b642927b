package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.OpCode;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.message.MessageHeader;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An insert or an update whose documents or statements come behind the command as a sequence: they are kept as the bytes they are, since
 * decoding them only to encode them again took half of the server's time in an import. Whatever is not just that is left to the
 * library.
 */
final class ReceivedWrite {
    private static final int LENGTH = 4;
    private static final int HEADER = 16;
    private static final int FLAGS = 4;
    private static final byte BODY = 0;
    private static final byte SEQUENCE = 1;

    /** A command and the sequence behind it. */
    private enum Kind {
        INSERT("insert", "documents"),
        UPDATE("update", "updates");

        final byte[] command;
        final String field;
        final byte[] fieldName;

        Kind(String command, String field) {
            this.command = ("\2" + command + "\0").getBytes(StandardCharsets.US_ASCII);
            this.field = field;
            this.fieldName = (field + "\0").getBytes(StandardCharsets.US_ASCII);
        }
    }

    private ReceivedWrite() {}

    /**
     * Takes a whole message from the buffer.
     *
     * @return null, and takes nothing, when it is anything else
     * @throws IllegalArgumentException when the documents are none
     */
    static MongoMessage take(Channel channel, ByteBuf buffer) {
        int begin = buffer.readerIndex();
        if (buffer.readableBytes() < HEADER + FLAGS + 1 + LENGTH) return null;
        int length = buffer.getIntLE(begin);
        int end = begin + length;
        int command = begin + HEADER + FLAGS + 1;
        boolean isMessage =
            buffer.getIntLE(begin + 12) == OpCode.OP_MSG.getId() &&
            buffer.getIntLE(begin + HEADER) == 0 &&
            buffer.getByte(command - 1) == BODY;
        Kind kind = isMessage ? kindOf(buffer, command + LENGTH) : null;
        if (kind == null) return null;
        int size = buffer.getIntLE(command);
        int section = command + size;
        int documents = section + 1 + LENGTH + kind.fieldName.length;
        boolean isSequence =
            size > 0 &&
            size < length &&
            documents <= end &&
            buffer.getByte(section) == SEQUENCE &&
            section + 1 + buffer.getIntLE(section + 1) == end &&
            holds(buffer, section + 1 + LENGTH, kind.fieldName);
        if (!isSequence) return null;
        StoredBatch batch = batch(kind, buffer, documents, end);
        if (batch == null) return null;
        Document query = BsonDecoder.decodeBson(buffer.slice(command, size));
        if (query.containsKey(kind.field)) return null;
        query.put(kind.field, batch);
        MessageHeader header = new MessageHeader(length, buffer.getIntLE(begin + 4), buffer.getIntLE(begin + 8));
        buffer.readerIndex(end);
        return new MongoMessage(channel, header, query);
    }

    private static Kind kindOf(ByteBuf buffer, int at) {
        for (Kind kind : Kind.values()) if (holds(buffer, at, kind.command)) return kind;
        return null;
    }

    private static StoredBatch batch(Kind kind, ByteBuf buffer, int from, int end) {
        StoredBatch batch = new StoredBatch();
        for (int at = from; at < end; ) {
            int size = end - at < LENGTH ? 0 : buffer.getIntLE(at);
            if (size <= LENGTH || size > end - at) throw new IllegalArgumentException("a sequence that is broken");
            byte[] document = new byte[size];
            buffer.getBytes(at, document);
            boolean isPlain = kind == Kind.INSERT ? PlainBson.isPlain(document) : PlainBson.isUsual(document);
            if (!isPlain) return null;
            batch.take(document);
            at += size;
        }
        return batch;
    }

    private static boolean holds(ByteBuf buffer, int at, byte[] bytes) {
        if (at + bytes.length > buffer.writerIndex()) return false;
        byte[] found = new byte[bytes.length];
        buffer.getBytes(at, found);
        return Arrays.equals(found, bytes);
    }
}
