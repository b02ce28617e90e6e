import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.Callable;

/** Checks that run one after the other, and the closing line `N passed, N failed`. */
final class Checks {
    static final String HOST = Objects.requireNonNullElse(System.getenv("APP_HOST"), "127.0.0.1");
    static final int PORT = Integer.parseInt(Objects.requireNonNullElse(System.getenv("APP_PORT"), "6379"));

    /** What a check does; whatever it throws fails it. */
    interface Body {
        void run() throws Exception;
    }

    /** Thrown by a check whose command the server lacks. */
    static final class Skip extends RuntimeException {
        private static final long serialVersionUID = 1;

        Skip(String command) {
            super("the server has no " + command);
        }
    }

    private int passed;
    private int failed;
    private int skipped;

    void check(String name, Body body) {
        long began = System.nanoTime();
        try {
            body.run();
            passed++;
            System.out.printf("ok      %s (%d ms)%n", name, (System.nanoTime() - began) / 1_000_000);
        } catch (Skip reason) {
            skipped++;
            System.out.printf("skipped %s: %s%n", name, reason.getMessage());
        } catch (Throwable error) {
            failed++;
            System.out.printf("FAILED  %s: %s%n", name, error);
            error.printStackTrace(System.out);
        }
    }

    /** Prints the closing line and ends the process. */
    void close() {
        System.out.printf("%d passed, %d failed%s%n", passed, failed, skipped > 0 ? ", " + skipped + " skipped" : "");
        System.out.flush();
        System.exit(failed > 0 ? 1 : 0);
    }

    static void equal(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) {
            throw new AssertionError("got " + got + ", not " + wanted);
        }
    }

    static void isTrue(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** Skips the check unless the server has the commands: asked on a socket, without a library. */
    static void needs(String... commands) throws IOException {
        for (String command : commands) {
            try (Socket socket = new Socket(HOST, PORT)) {
                socket.getOutputStream().write(("COMMAND INFO " + command + "\r\nQUIT\r\n").getBytes(StandardCharsets.UTF_8));
                String reply = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (reply.startsWith("*1\r\n*-1") || reply.startsWith("*1\r\n$-1")) {
                    throw new Skip(command);
                }
            }
        }
    }

    /** Fails unless the body throws this with a message that begins so. */
    static void raises(Class<? extends Exception> kind, String message, Callable<?> body) throws Exception {
        try {
            body.call();
        } catch (Exception error) {
            if (kind.isInstance(error) && error.getMessage().startsWith(message)) {
                return;
            }
            throw error;
        }
        throw new AssertionError("no " + kind.getSimpleName());
    }

    static void until(Callable<Boolean> condition, String what) throws Exception {
        long end = System.nanoTime() + 20_000_000_000L;
        while (!condition.call()) {
            isTrue(System.nanoTime() < end, "did not happen: " + what);
            Thread.sleep(10);
        }
    }
}
