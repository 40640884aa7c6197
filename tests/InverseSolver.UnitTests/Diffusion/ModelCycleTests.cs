using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Torch;
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
            long tensors = torch.live_tensors, start = Stopwatch.GetTimestamp();
            (long Bytes, int Files, int Maps) settled = default;
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

                Assert.Equal(tensors, torch.live_tensors);
                if (cycle == Settled - 1)
                {
                    settled = Figures();
                }
            }

            (long resident, int files, int maps) = Figures();
            output.WriteLine(
                $"{Cycles} cycles, {failed} of them failed loads, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s: after {Settled} cycles {settled.Bytes >> 10} KiB resident, {settled.Files} open files, {settled.Maps} mapped; "
                + $"after {Cycles} {resident >> 10} KiB, {files}, {maps}");
            Assert.Equal(Cycles / 5, failed);
            Assert.InRange(resident - settled.Bytes, long.MinValue, 8 << 20);
            Assert.Equal((settled.Files, settled.Maps), (files, maps));
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
        return (ProcessFigures.ResidentBytes(), ProcessFigures.OpenFiles(), ProcessFigures.MappedFiles());
    }
}
