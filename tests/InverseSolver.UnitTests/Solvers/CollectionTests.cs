using System.Diagnostics;
using System.Globalization;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>
/// TorchSharp's Scalars and Tensors have finalisers, and native code reads what they own. Solvers run on two threads while a third forces collections, for
/// 20 seconds, or for INVERSESOLVER_STRESS_SECONDS.
/// </summary>
[LeavesNoTensors]
public sealed class CollectionTests(ITestOutputHelper output)
{
    private const int Side = 32;
    private const double Sigma = 0.05;

    private static readonly string[] Types = ["reSample", "redDiff", "dcdp", "diffPir", "psld", "daps"];

    [Fact]
    public void TorchSharp_keeps_its_arguments_alive_during_native_calls()
    {
        var flags = (DebuggableAttribute)Attribute.GetCustomAttribute(typeof(torch).Assembly, typeof(DebuggableAttribute))!;
        Assert.Equal(DebuggableAttribute.DebuggingModes.Default | DebuggableAttribute.DebuggingModes.DisableOptimizations, flags.DebuggingFlags);
    }

    [Fact]
    public void Solvers_give_the_same_bits_while_collections_are_forced()
    {
        var time = TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("INVERSESOLVER_STRESS_SECONDS") ?? "20", CultureInfo.InvariantCulture));
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel gaussian = Toy.Gaussian();
        using LatentModel network = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = Toy.Operators["inpainting"](Side);
        float[] y = Toy.Measure(gaussian, op, Sigma, 1, 5).Y.ToFloats();
        var watch = Stopwatch.StartNew();
        long collections = 0, runs = 0;
        bool stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
                collections++;
                Thread.Sleep(1);
            }
        });
        var failures = new List<string>();
        Thread[] solvers = [.. new LatentModel[] { gaussian, network }.Select(model => new Thread(() =>
        {
            Backend.Threads = 1;
            var first = new Dictionary<string, float[]>();
            try
            {
                for (int i = 0; i < Types.Length || watch.Elapsed < time; i++)
                {
                    string type = Types[i % Types.Length];
                    float[] image = Solve(model, op, y, type);
                    Interlocked.Increment(ref runs);
                    if (!first.TryAdd(type, image) && !first[type].AsSpan().SequenceEqual(image))
                    {
                        throw new InvalidOperationException($"{type} gives other bits in run {i}");
                    }
                }
            }
            catch (Exception error)
            {
                lock (failures)
                {
                    failures.Add(error.ToString());
                }
            }
        }))];
        int threads = Backend.Threads;
        collector.Start();
        Array.ForEach(solvers, thread => thread.Start());
        Array.ForEach(solvers, thread => thread.Join());
        Volatile.Write(ref stop, true);
        collector.Join();
        Backend.Threads = threads;
        output.WriteLine($"{runs} runs, {collections} collections in {watch.Elapsed.TotalSeconds:F0} s");
        Assert.Empty(failures);
        Assert.True(collections > 100, $"{collections} collections");
    }

    private static float[] Solve(LatentModel model, LinearOperator op, float[] y, string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        SolverParameters parameters = SolverCatalog.Resolve(type, "fast", []);
        return Toy.Run(model, op, torch.copy_of(y, 1, 1, Side, Side), Sigma, parameters, 3);
    }
}
