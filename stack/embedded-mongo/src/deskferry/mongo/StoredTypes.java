package deskferry.mongo;

import java.nio.ByteBuffer;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;

/** How keys and documents stand in the file: a length and the bytes. */
final class StoredTypes {
    private static final int OBJECT_OVERHEAD = 24;

    private StoredTypes() {}

    static final class Keys extends BasicDataType<IdKey> {
        @Override
        public int compare(IdKey a, IdKey b) {
            return a.compareTo(b);
        }

        @Override
        public int getMemory(IdKey key) {
            return key.bytes.length + 2 * OBJECT_OVERHEAD;
        }

        @Override
        public void write(WriteBuffer buffer, IdKey key) {
            writeBytes(buffer, key.bytes);
        }

        @Override
        public IdKey read(ByteBuffer buffer) {
            return new IdKey(readBytes(buffer));
        }

        @Override
        public IdKey[] createStorage(int size) {
            return new IdKey[size];
        }
    }

    static final class Documents extends BasicDataType<byte[]> {
        @Override
        public int getMemory(byte[] document) {
            return document.length + OBJECT_OVERHEAD;
        }

        @Override
        public void write(WriteBuffer buffer, byte[] document) {
            writeBytes(buffer, document);
        }

        @Override
        public byte[] read(ByteBuffer buffer) {
            return readBytes(buffer);
        }

        @Override
        public byte[][] createStorage(int size) {
            return new byte[size][];
        }
    }

    private static void writeBytes(WriteBuffer buffer, byte[] bytes) {
        buffer.putVarInt(bytes.length).put(bytes);
    }

    private static byte[] readBytes(ByteBuffer buffer) {
        byte[] bytes = new byte[DataUtils.readVarInt(buffer)];
        buffer.get(bytes);
        return bytes;
    }
}
