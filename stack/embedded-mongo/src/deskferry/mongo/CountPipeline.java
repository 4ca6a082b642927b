package deskferry.mongo;

import de.bwaldvogel.mongo.bson.Document;
import java.util.List;

/** The pipeline that drivers send for `countDocuments`; it is answered without building documents. */
record CountPipeline(Document match, int skip, int limit) {
    private static final Document SUM = new Document("$sum", 1);

    /** Null when the aggregation is another one. */
    static CountPipeline of(Document aggregate) {
        if (!(aggregate.get("pipeline") instanceof List<?> stages) || stages.size() < 2) return null;
        Document match = null;
        int skip = 0;
        int limit = 0;
        for (int i = 0; i < stages.size(); i++) {
            if (!(stages.get(i) instanceof Document stage) || stage.size() != 1) return null;
            if (i == 0 && stage.get("$match") instanceof Document filter) match = filter;
            else if (i == stages.size() - 1 && isSum(stage)) return match == null ? null : new CountPipeline(match, skip, limit);
            else if (i == 1 && stage.get("$skip") instanceof Number number) skip = number.intValue();
            else if (limit == 0 && stage.get("$limit") instanceof Number number) limit = number.intValue();
            else return null;
        }
        return null;
    }

    private static boolean isSum(Document stage) {
        return stage.get("$group") instanceof Document group
            && group.size() == 2
            && Integer.valueOf(1).equals(group.get("_id"))
            && SUM.equals(group.get("n"));
    }
}
