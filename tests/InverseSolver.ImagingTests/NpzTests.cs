using System.IO.Compression;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class NpzTests
{
    [Fact]
    public void Arrays_are_read_by_name_stored_and_deflated()
    {
        Assert.Equal(["c16-fortran", "f4"], Npz.Names(Deflated()).Order(StringComparer.Ordinal));
        Assert.Equal(Npy.Read(Fixtures.Read("f4.npy"), 24).Values, Npz.Read(Deflated(), "f4", 24).Values);
        byte[] stored = RawData.Write("plain").Expected; // np.savez
        Assert.Equal(["kspace", "mask"], Npz.Names(stored).Order(StringComparer.Ordinal));
        Assert.Equal([4, 24, 20], Npz.Read(stored, "kspace", 1 << 20).Shape);
        Assert.True(Npz.IsZip(stored));
    }

    [Fact]
    public void What_is_missing_too_large_or_too_much_is_refused()
    {
        Assert.Contains("no array 'x'", Assert.Throws<InvalidMeasurementException>(() => Npz.Read(Deflated(), "x", 24)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidMeasurementException>(() => Npz.Read(Deflated(), "f4", 23));
        Assert.Throws<InvalidMeasurementException>(() => Npz.Names(Archive([.. Enumerable.Range(0, 257).Select(i => ($"{i}.npy", new byte[1]))])));
        Assert.Throws<InvalidMeasurementException>(() => Npz.Names(Archive(("a.npy", new byte[1]), ("a.npy", new byte[1]))));
        Assert.Throws<InvalidMeasurementException>(() => Npz.Names([1, 2, 3]));
        // 100 MB of zeros in 100 kB.
        Assert.Contains(
            "larger than the 1000 elements",
            Assert.Throws<InvalidMeasurementException>(() => Npz.Read(Archive(("a.npy", new byte[100_000_000])), "a", 1000)).Message, StringComparison.Ordinal);
    }

    /// <summary>Two arrays, compressed.</summary>
    internal static byte[] Deflated() =>
        Archive(("f4.npy", Fixtures.Read("f4.npy")), ("c16-fortran.npy", Fixtures.Read("c16-fortran.npy")), ("readme.txt", [1]));

    private static byte[] Archive(params (string Name, byte[] Data)[] entries)
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] data) in entries)
            {
                using Stream entry = archive.CreateEntry(name).Open();
                entry.Write(data);
            }
        }
        return memory.ToArray();
    }
}
