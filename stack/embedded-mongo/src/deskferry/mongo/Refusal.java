package deskferry.mongo;

import de.bwaldvogel.mongo.exception.MongoServerError;

/** What this server does not do, told to the client with MongoDB's error codes. */
final class Refusal {
    private Refusal() {}

    static MongoServerError badValue(String what) {
        return new MongoServerError(2, "BadValue", what + " is not supported by the embedded server");
    }

    static MongoServerError notSupported(String what) {
        return new MongoServerError(115, "CommandNotSupported", what + " is not supported by the embedded server");
    }

    static MongoServerError tooLarge(int bytes) {
        return new MongoServerError(10334, "BSONObjectTooLarge", "document of " + bytes + " bytes is too large");
    }

    static MongoServerError cursorNotFound(long id) {
        return new MongoServerError(43, "CursorNotFound", "cursor id " + id + " not found");
    }
}
