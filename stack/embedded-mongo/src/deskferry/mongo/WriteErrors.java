package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerException;
import de.bwaldvogel.mongo.exception.MongoServerError;

/** The `writeErrors` of a reply. */
final class WriteErrors {
    private WriteErrors() {}

    static Document of(int index, MongoServerException error) {
        Document document = new Document("index", index).append("errmsg", error.getMessageWithoutErrorCode());
        if (error instanceof MongoServerError coded) {
            document.append("code", coded.getCode());
            document.putIfNotNull("codeName", coded.getCodeName());
        }
        return document;
    }
}
