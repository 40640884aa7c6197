using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Models come and go for as long as the service runs.</summary>
[LeavesNoTensors]
public sealed class ModelCycleTests(ITestOutputHelper output)
{
    private const int Cycles = 500, Settled = 100;

    [Fact]
    public void Five_hundred_cycles_of_loading_and_unloading_leave_nothing_behind()
    {
        string bad = TestData.Copy(TestData.Brain);
        try
        {
            File.WriteAllText(Path.Combine(bad, "model.json"), """{"id": "bad"}""");
            string weights = Path.Combine(bad, "unet", Network.WeightsName);
            byte[] bytes = File.ReadAllBytes(weights);
            File.WriteAllBytes(weights, [.. bytes[..^4], 0xFF, 0xFF, 0xFF, 0xFF]);
            using var catalog = new ModelCatalog([TestData.Brain, bad]);
            long tensors = Tensor.TotalCount, start = Stopwatch.GetTimestamp();
            (long Bytes, int Files, int Maps) settled = default, now = default;
            int failed = 0;
            for (int cycle = 0; cycle < Cycles; cycle++)
            {
                if (cycle % 5 == 4)
                {
                    Assert.Throws<InvalidModelException>(() => catalog.Acquire("bad", torch.CPU));
                    failed++;
                }
                else
                {
                    using ModelLease lease = catalog.Acquire("brain-mri-128", torch.CPU);
                    Assert.Equal(1, catalog.Unload("brain-mri-128"));
                }

                Assert.Equal(tensors, Tensor.TotalCount);
                if (cycle % Settled == Settled - 1)
                {
                    now = Figures();
                    settled = cycle == Settled - 1 ? now : settled;
                    output.WriteLine(
                        $"{cycle + 1} cycles, {failed} of them failed loads, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s: "
                            + $"{now.Bytes >> 10} KiB resident, {now.Files} open files, {now.Maps} files of models mapped");
                }
            }

            Assert.Equal(Cycles / 5, failed);
            Assert.InRange(now.Bytes - settled.Bytes, long.MinValue, 8 << 20);
            Assert.Equal(0, now.Maps);

            // The runtime opens one now and then; a leak would be one for each cycle.
            Assert.InRange(now.Files - settled.Files, int.MinValue, 10);
        }
        finally
        {
            Directory.Delete(bad, recursive: true);
        }
    }

    private static (long Bytes, int Files, int Maps) Figures()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (ProcessFigures.ResidentBytes(), ProcessFigures.OpenFiles(), ProcessFigures.MappedFiles(".safetensors"));
    }
}
