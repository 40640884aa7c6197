using System.IO.Compression;
using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Memory is known from headers before any is taken.</summary>
public sealed class DecodedSizeTests
{
    [Fact]
    public void Arrays_count_in_single_precision_whatever_they_are_stored_in()
    {
        Assert.Equal(3 * 4 * 6000, Stated(Array("|u1", "(60, 100)", 6000)));
        Assert.Equal(3 * 4 * 6000, Stated(Array("<f8", "(60, 100)", 48_000)));
        Assert.Equal(3 * 8 * 6000, Stated(Array("<c8", "(60, 100)", 48_000)));
        // The decoder refuses what the file does not hold, before it takes memory.
        byte[] liar = Array("|u1", "(1000000, 1000000)", 0);
        Assert.Equal(liar.Length, Stated(liar));
    }

    [Fact]
    public void An_archive_counts_all_arrays_and_the_stored_form_of_the_largest()
    {
        byte[] one = Array("|u1", "(1000, 1000)", 1_000_000), other = Array("<f4", "(10, 10)", 400);
        Assert.Equal((3 * 4 * 2_000_100L) + one.Length, Stated(Zip(("a.npy", one), ("b.npy", one), ("c.npy", other))));
    }

    [Fact]
    public void Images_and_volumes_count_by_their_headers()
    {
        Assert.Equal(3 * 4 * 20 * 30, Stated(ImageFile.WritePng(new Image(1, 20, 30, new float[600]))));
        Assert.Equal(3 * 4 * 3 * 20 * 30, Stated(ImageFile.WritePng(new Image(3, 20, 30, new float[1800]))));
        byte[] volume = new byte[352 + (2 * 1000)];
        volume[0] = 0x5C;
        volume[1] = 1;
        (volume[40], volume[42], volume[44], volume[46], volume[70], volume[110]) = (3, 10, 10, 10, 4, 0x80);
        (volume[108], volume[109], volume[110], volume[111]) = (0, 0, 0xB0, 0x43);
        volume[72] = 16;
        foreach (int spacing in (int[])[80, 84, 88]) (volume[spacing + 2], volume[spacing + 3]) = (0x80, 0x3F);
        "n+1\0"u8.CopyTo(volume.AsSpan(344));
        Assert.Equal(1000 * (2 + (4 * 4)), Stated(volume));
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(volume);
        Assert.Equal(1000 * (2 + (4 * 4)), Stated(packed.ToArray()));
    }

    [Fact]
    public void An_archive_whose_last_array_is_damaged_is_refused_as_a_whole()
    {
        byte[] good = Array("|u1", "(1000, 1000)", 1_000_000);
        Assert.Throws<InvalidMeasurementException>(() => Stated(Zip(("a.npy", good), ("b.npy", Encoding.ASCII.GetBytes("nothing of the kind")))));
    }

    [Fact]
    public void No_object_is_made_for_the_entries_of_an_archive_that_has_too_many()
    {
        byte[] bomb = new byte[(4000 * 46) + 22];
        for (int i = 0; i < 4000; i++) "PK\x01\x02"u8.CopyTo(bomb.AsSpan(i * 46));
        "PK\x03\x04"u8.CopyTo(bomb);
        "PK\x05\x06"u8.CopyTo(bomb.AsSpan(4000 * 46));
        Assert.Throws<InvalidMeasurementException>(() => Stated(bomb));
    }

    [Fact]
    public void What_only_the_reader_finds_is_bounded_by_its_limits()
    {
        byte[] hdf5 = [0x89, .. "HDF\r\n\x1A\n"u8, .. new byte[1000]];
        Assert.Equal(new DecodedSize(hdf5.Length, 32 << 20), DecodedSize.Of(hdf5, ReaderLimits.Default, 1 << 22));
        byte[] large = [.. hdf5, .. new byte[10 << 20]];
        Assert.Equal(new DecodedSize(large.Length, 8 * ReaderLimits.Default.Elements), DecodedSize.Of(large, ReaderLimits.Default, 1 << 22));
    }

    private static long Stated(byte[] file) => DecodedSize.Of(file, ReaderLimits.Default, 1 << 22).Stated;

    private static byte[] Array(string type, string shape, int bytes)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[bytes]];
    }

    private static byte[] Zip(params (string Name, byte[] Bytes)[] files)
    {
        using var packed = new MemoryStream();
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream stream = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                stream.Write(bytes);
            }
        }

        return packed.ToArray();
    }
}
