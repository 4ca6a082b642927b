package deskferry.mongo;

import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_ARRAY;
import static de.bwaldvogel.mongo.wire.BsonConstants.TYPE_EMBEDDED_DOCUMENT;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.MongoWireMessageEncoder;
import de.bwaldvogel.mongo.wire.OpCode;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Sends stored documents as they are: decoding them only to encode them again took a third of the server's time. */
final class MessageEncoder extends MongoWireMessageEncoder {
    private static final byte BODY_SECTION = 0;

    @Override
    protected void encode(ChannelHandlerContext context, MongoMessage message, ByteBuf out) {
        boolean holdsStored =
            message.getDocument().get("cursor") instanceof Document cursor &&
            cursor.values().stream().anyMatch(StoredBatch.class::isInstance);
        if (!holdsStored) {
            super.encode(context, message, out);
            return;
        }
        int begun = begin(out);
        out.writeIntLE(message.getHeader().getRequestID());
        out.writeIntLE(message.getHeader().getResponseTo());
        out.writeIntLE(OpCode.OP_MSG.getId());
        out.writeIntLE(message.getFlags());
        out.writeByte(BODY_SECTION);
        writeDocument(message.getDocument(), out);
        end(begun, out);
    }

    private static void writeDocument(Document document, ByteBuf out) {
        int begun = begin(out);
        for (Map.Entry<String, Object> field : document.entrySet()) {
            Object value = field.getValue();
            if (value instanceof StoredBatch batch) {
                writeName(TYPE_ARRAY, field.getKey(), out);
                writeBatch(batch, out);
            } else if (value instanceof Document inner) {
                writeName(TYPE_EMBEDDED_DOCUMENT, field.getKey(), out);
                writeDocument(inner, out);
            } else {
                byte type = BsonEncoder.determineType(value);
                writeName(type, field.getKey(), out);
                BsonEncoder.encodeValue(type, value, out);
            }
        }
        out.writeByte(0);
        end(begun, out);
    }

    private static void writeBatch(StoredBatch batch, ByteBuf out) {
        int begun = begin(out);
        for (int index = 0; index < batch.size(); index++) {
            writeName(TYPE_EMBEDDED_DOCUMENT, Integer.toString(index), out);
            out.writeBytes(batch.bytes(index));
        }
        out.writeByte(0);
        end(begun, out);
    }

    private static void writeName(byte type, String name, ByteBuf out) {
        out.writeByte(type);
        out.writeBytes(name.getBytes(StandardCharsets.UTF_8));
        out.writeByte(0);
    }

    /** Leaves room for the length, which is known at the end. */
    private static int begin(ByteBuf out) {
        int begun = out.writerIndex();
        out.writeIntLE(0);
        return begun;
    }

    private static void end(int begun, ByteBuf out) {
        out.setIntLE(begun, out.writerIndex() - begun);
    }
}
