using System.Globalization;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>The Berkeley Advanced Reconstruction Toolbox as a judge: its commands on files of a folder of their own.</summary>
internal sealed class BartProgram : IDisposable
{
    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, "bart")).FirstOrDefault(File.Exists);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bart-");

    /// <summary>Skips the test, saying why, where there is none.</summary>
    internal BartProgram() => Assert.SkipUnless(Program is not null, "The Debian package bart is not installed.");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Runs a command; words that start with @ are names of arrays.</summary>
    internal void Run(params string[] words)
    {
        (int exitCode, string output) = Repository.Run(
            Program!,
            [.. words.Select(word => word is ['@', .. var name] ? At(name) : word)],
            [("OMP_NUM_THREADS", "1")]);
        Assert.True(exitCode == 0, $"bart {string.Join(' ', words)}: {output}");
    }

    /// <summary>Writes an array: complex single precision, the first dimension fastest.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="array">Complex, its dimensions in BART's order.</param>
    internal void Write(string name, Tensor array)
    {
        long[] shape = array.shape;
        File.WriteAllText(At(name) + ".hdr", $"# Dimensions\n{string.Join(' ', shape.Concat(Enumerable.Repeat(1L, 16 - shape.Length)))}\n");
        float[] values = array.permute(Backwards(shape.Length)).resolve_conj().ToFloats();
        File.WriteAllBytes(At(name) + ".cfl", System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray());
    }

    /// <summary>Reads an array of so many dimensions.</summary>
    internal Tensor Read(string name, int dimensions)
    {
        long[] sizes =
            [.. File.ReadAllLines(At(name) + ".hdr")[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(s => long.Parse(s, CultureInfo.InvariantCulture))];
        Assert.All(sizes.Skip(dimensions), size => Assert.Equal(1, size));
        Tensor pairs = torch.from_bytes(File.ReadAllBytes(At(name) + ".cfl"), [.. sizes.Take(dimensions).Reverse(), 2], ScalarType.Float32);
        return torch.view_as_complex(pairs).permute(Backwards(dimensions));
    }

    private static long[] Backwards(int dimensions) => [.. Enumerable.Range(0, dimensions).Select(d => (long)(dimensions - 1 - d))];

    private string At(string name) => Path.Combine(_folder.FullName, name);
}
