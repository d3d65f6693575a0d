# OpenJDK: javac and a program with threads, locks, GC and exceptions made of SIGSEGV.
cd "$(mktemp -d)" || exit
cat >T.java <<'END'
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;
public class T {
    static int shared; static final Object lock = new Object();
    static int length(String s) { return s.length(); }
    public static void main(String[] a) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        AtomicLong sum = new AtomicLong();
        List<Future<Integer>> answers = new ArrayList<>();
        for (int t = 0; t < 16; t++) {
            final int n = t;
            answers.add(pool.submit(() -> {
                int h = n;
                for (int i = 0; i < 200000; i++) { h = h * 31 + i; if (i % 100 == 0) sum.addAndGet(i); }
                for (int i = 0; i < 2000; i++) synchronized (lock) { shared++; }
                return h;
            }));
        }
        for (Future<Integer> f : answers) System.out.println(f.get());
        pool.shutdown();
        System.out.println(pool.awaitTermination(1, TimeUnit.MINUTES) + " " + sum + " " + shared);
        int nulls = 0;
        for (int i = 0; i < 30000; i++) try { length(i % 3 == 0 ? null : "x"); } catch (NullPointerException e) { nulls++; }
        System.out.println(nulls);
        try { System.out.println(1 / (shared - 32000)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        Map<String, Integer> words = new TreeMap<>();
        for (int i = 0; i < 50000; i++) words.merge("w" + i % 97, i, Integer::sum);
        System.out.println(words.hashCode());
        System.out.println(IntStream.range(0, 200000).parallel().filter(i -> i % 7 == 3).mapToLong(i -> i).sum());
        long made = 0;
        for (int i = 0; i < 3000; i++) { byte[] b = new byte[20000]; b[i % 20000] = 1; made += b[i % 20000]; }
        System.gc();
        System.out.println(made);
        try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
        Process p = new ProcessBuilder("sh", "-c", "cat; exit 3").start();
        p.getOutputStream().write("through a pipe\n".getBytes()); p.getOutputStream().close();
        System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
        Thread[] virtual = new Thread[200]; AtomicInteger done = new AtomicInteger();
        for (int i = 0; i < 200; i++) virtual[i] = Thread.startVirtualThread(() -> { try { Thread.sleep(5); } catch (InterruptedException e) { } done.incrementAndGet(); });
        for (Thread v : virtual) v.join();
        System.out.println(done);
    }
    static int deep(int n) { return deep(n + 1) + 1; }
}
END
javac -d out T.java && sha256sum out/T.class && java -cp out T
java -version 2>&1 | head -n 1
cd / && rm -r "$OLDPWD"
