using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion.HostileModels;

/// <summary>Each package of the corpus is refused by a sentence of its own, soon and in little memory, and nothing stays open or loaded.</summary>
[LeavesNoTensors]
public sealed class HostileModelTests(ITestOutputHelper output)
{
    // Of a processor's time, so that other processes do not count.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    private const long LittleMemory = 64L << 20;

    public static TheoryData<string> Names { get; } = [.. Corpus.Cases.Keys];

    [Theory, MemberData(nameof(Names))]
    public async Task A_hostile_package_is_refused_by_name_soon_and_in_little_memory(string name)
    {
        HostileCase hostile = Corpus.Cases[name];
        string root = Directory.CreateTempSubdirectory("inverse-test-").FullName, folder = Path.Combine(root, "model");
        Directory.Move(PixelPackage.Create(1, 1), folder);
        try
        {
            if (!hostile.Spoil(folder))
            {
                Assert.Skip("This file cannot be made here.");
            }

            long tensors = Tensor.TotalCount;
            GC.Collect();
            File.WriteAllText("/proc/self/clear_refs", "5");
            long before = ProcessFigures.PeakBytes();
            TimeSpan start = Environment.CpuUsage.TotalTime;
            string reason = await Task.Run(() => Refusal(root)).WaitAsync(TimeSpan.FromSeconds(20));
            TimeSpan took = Environment.CpuUsage.TotalTime - start;
            long grew = ProcessFigures.PeakBytes() - before;
            output.WriteLine($"{name}: {took.TotalMilliseconds:0} ms, {grew >> 20} MiB: {reason}");
            Assert.Contains(hostile.Says, reason, StringComparison.Ordinal);
            Assert.DoesNotContain(root, reason, StringComparison.Ordinal);
            Assert.True(took < Soon, $"it took {took.TotalSeconds:0.00} s");
            Assert.True(grew < LittleMemory, $"memory grew by {grew >> 20} MiB");
            Assert.Equal(tensors, Tensor.TotalCount);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void A_file_that_becomes_shorter_while_it_is_read_ends_its_load_and_nothing_else()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new SafetensorsBuilder().Add("a", new float[1 << 20]).ToBytes());
            using SafetensorsFile file = SafetensorsFile.Open(path);
            using (FileStream shorter = File.OpenWrite(path))
            {
                shorter.SetLength(1000);
            }

            Assert.EndsWith("became shorter while it was read.", Assert.Throws<InvalidModelException>(() => file.Read("a")).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_file_that_is_written_to_after_it_was_hashed_is_noticed()
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] bytes = new SafetensorsBuilder().Add("a", [1f, 2f]).ToBytes();
            File.WriteAllBytes(path, bytes);
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddHours(-1));
            using SafetensorsFile file = SafetensorsFile.Open(path, hash: true);
            file.CheckUnchanged();
            using (FileStream other = File.OpenWrite(path))
            {
                other.Seek(-4, SeekOrigin.End);
                other.Write([0, 0, 0, 0]);
            }

            Assert.EndsWith("changed while it was read.", Assert.Throws<InvalidModelException>(file.CheckUnchanged).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // What the list says of the package, or else why it cannot be loaded.
    private static string Refusal(string root)
    {
        using var catalog = new ModelCatalog([root]);
        if (catalog.Models.Count == 0)
        {
            return Assert.Single(catalog.Broken).Reason;
        }

        Exception refusal = Record.Exception(() => catalog.Acquire("model", torch.CPU).Dispose())!;
        return refusal is InvalidModelException or ModelUnavailableException { Reason: Unavailability.TooLarge } ? refusal.Message : throw refusal;
    }
}
