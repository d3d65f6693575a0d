# Mono: its C# compiler and JIT, threads, exceptions made of signals.
cd "$(mktemp -d)" || exit
cat >t.cs <<'END'
using System; using System.Collections.Generic; using System.Linq; using System.Threading; using System.Threading.Tasks;
class T {
    static int shared; static object gate = new object();
    static int Length(string s) { return s.Length; }
    static void Main() {
        var threads = Enumerable.Range(0, 8).Select(n => new Thread(() => { for (int i = 0; i < 5000; i++) lock (gate) shared++; })).ToList();
        threads.ForEach(t => t.Start()); threads.ForEach(t => t.Join());
        Console.WriteLine(shared);
        Console.WriteLine(Task.WhenAll(Enumerable.Range(1, 6).Select(n => Task.Run(() => { long h = n; for (int i = 0; i < 200000; i++) h = h * 31 + i; return h; }))).Result.Sum());
        int nulls = 0;
        for (int i = 0; i < 300; i++) try { Length(i % 3 == 0 ? null : "x"); } catch (NullReferenceException) { nulls++; }
        Console.WriteLine(nulls);
        try { Console.WriteLine(1 / (shared - 40000)); } catch (DivideByZeroException e) { Console.WriteLine(e.GetType()); }
        var d = new SortedDictionary<string, int>();
        for (int i = 0; i < 20000; i++) { int v; d.TryGetValue("w" + i % 97, out v); d["w" + i % 97] = v + i; }
        Console.WriteLine(d.Values.Aggregate(7, (h, v) => h * 31 + v));
        for (int i = 0; i < 2000; i++) { var b = new byte[20000]; b[i] = 1; }
        GC.Collect(); Console.WriteLine(Math.Sin(1).ToString("R"));
    }
}
END
mcs -out:t.exe t.cs && mono t.exe
cd / && rm -r "$OLDPWD"
