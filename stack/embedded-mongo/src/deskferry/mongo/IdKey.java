package deskferry.mongo;

import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.Decimal128;
import de.bwaldvogel.mongo.exception.InvalidIdFieldError;
import java.util.Arrays;
import java.util.Collection;

/** Where a document is kept: its `_id` in the form whose order is MongoDB's. */
final class IdKey implements Comparable<IdKey> {
    final byte[] bytes;

    IdKey(byte[] bytes) {
        this.bytes = bytes;
    }

    /** The key of a document with this `_id`; refuses what cannot be one. */
    static IdKey of(Object id) {
        if (id instanceof Collection) throw new InvalidIdFieldError("The '_id' value cannot be of type array");
        if (id instanceof BsonRegularExpression) {
            throw new InvalidIdFieldError("The '_id' value cannot be of type regex");
        }
        if (id instanceof Decimal128) throw Refusal.badValue("an _id of type Decimal128");
        return new IdKey(OrderedBytes.of(id));
    }

    @Override
    public int compareTo(IdKey other) {
        return Arrays.compareUnsigned(bytes, other.bytes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof IdKey key && Arrays.equals(bytes, key.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }
}
