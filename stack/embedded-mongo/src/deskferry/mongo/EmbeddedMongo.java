package deskferry.mongo;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A server for MongoDB's drivers in one process and one file, for machines that have no MongoDB.
 * Arguments: the file, the port on 127.0.0.1. SIGTERM ends it in order; SIGKILL loses nothing that was acknowledged.
 */
public final class EmbeddedMongo {
    private static final int CANNOT_START = 1;
    private static final int STORE_BROKEN = 3;

    private EmbeddedMongo() {}

    public static void main(String[] arguments) {
        try {
            start(arguments[0], Integer.parseInt(arguments[1]));
        } catch (Throwable failure) {
            System.err.println("cannot start: " + failure.getMessage());
            Runtime.getRuntime().halt(CANNOT_START);
        }
    }

    private static void start(String file, int port) {
        Store store = new Store(file);
        BigWork bigWork = new BigWork();
        Cursors cursors = new Cursors(bigWork);
        WireServer server = new WireServer(new Backend(store, cursors), bigWork, port);
        ScheduledExecutorService upkeep = Executors.newSingleThreadScheduledExecutor();
        upkeep.scheduleWithFixedDelay(
            () -> {
                try {
                    cursors.closeIdle();
                    store.keepUp();
                } catch (RuntimeException failure) {
                    System.err.println("upkeep: " + failure);
                    if (store.isBroken()) Runtime.getRuntime().halt(STORE_BROKEN);
                }
            },
            1, 1, TimeUnit.SECONDS
        );
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            // Not interrupted: that would close the file under it.
            upkeep.shutdown();
            server.stop();
        }));
        System.out.println("serving on port " + port);
    }
}
