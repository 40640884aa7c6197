using System.Globalization;
using System.Runtime.InteropServices;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>BART, the judge of the multi-coil parts, with a folder of its own for the files that go in and out.</summary>
internal sealed class Bart : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bart-").FullName;

    /// <summary>Skips the test where the program is not installed.</summary>
    public static Bart Installed()
    {
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator)
            .Any(part => File.Exists(Path.Combine(part, "bart")));
        Assert.SkipUnless(found, "The program bart is not installed.");
        return new Bart();
    }

    /// <summary>Multi-coil k-space (coils, rows, columns) of a brain; skips the test where the data are not.</summary>
    public static Tensor Brain()
    {
        string? root = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA");
        string path = Path.Combine(root ?? string.Empty, "raw_kspace", "bart_brain8ch", "full");
        Assert.SkipUnless(root is { Length: > 0 } && File.Exists(path + ".cfl"), "INVERSESOLVER_TEST_DATA names no folder with raw_kspace/bart_brain8ch.");
        return ReadFile(path);
    }

    /// <summary>Runs a tool on files of the folder.</summary>
    public void Run(params string[] arguments)
    {
        (int exit, string output) = Repository.Run(
            "bart",
            [.. arguments.Select(argument => argument.StartsWith('@') ? Path.Combine(_folder, argument[1..]) : argument)]);
        Assert.True(exit == 0, output);
    }

    /// <summary>Writes ([sets,] [coils,] rows, columns), the rows as BART's first or second dimension.</summary>
    public void Write(string name, Tensor data, bool readout = false)
    {
        using var scope = torch.NewDisposeScope();
        long[] sizes = data.shape;
        long[] dims = [readout ? sizes[^2] : 1, readout ? 1 : sizes[^2], sizes[^1], sizes.Length > 2 ? sizes[^3] : 1, sizes.Length > 3 ? sizes[^4] : 1];
        File.WriteAllText(Path.Combine(_folder, name + ".hdr"), $"# Dimensions\n{string.Join(' ', dims)} 1 1 1 1 1 1 1 1 1 1 1\n");
        File.WriteAllBytes(Path.Combine(_folder, name + ".cfl"), MemoryMarshal.AsBytes<float>(data.transpose(-2, -1).contiguous().ToFloats()).ToArray());
    }

    /// <summary>Reads (sets, coils, rows, columns) without leading sizes of 1 but for the coils'.</summary>
    public Tensor Read(string name) => ReadFile(Path.Combine(_folder, name));

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Tensor ReadFile(string path)
    {
        using var scope = torch.NewDisposeScope();
        long[] dims =
            [.. File.ReadAllLines(path + ".hdr")[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
        float[] values = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path + ".cfl")).ToArray();
        long[] shape = dims[4] > 1 ? [dims[4], dims[3], dims[2], dims[0] * dims[1]] : [dims[3], dims[2], dims[0] * dims[1]];
        return torch.view_as_complex(torch.copy_of(values, [.. shape, 2])).transpose(-2, -1).contiguous().MoveToOuterDisposeScope();
    }
}
