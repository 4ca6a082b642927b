package de.bwaldvogel.mongo.backend;

import de.bwaldvogel.mongo.bson.Document;

/** Opens the two parts of the library that are visible only within its package. */
public final class BackendInternals {
    private BackendInternals() {}

    /** The `arrayFilters` of an update statement, checked against its update document. */
    public static ArrayFilters arrayFilters(Document statement, Document update) {
        return ArrayFilters.parse(statement, update);
    }

    /** `document` as the projection `fields` shows it. */
    public static Document project(Document document, Document fields, String idField) {
        return new Projection(fields, idField).projectDocument(document);
    }
}
