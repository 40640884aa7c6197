using System.Buffers.Binary;
using System.IO.Compression;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class NiftiTests
{
    [Fact]
    public void A_compressed_file_with_an_sform_is_read()
    {
        Volume volume = Nifti.Read(Fixtures.Read("sform.nii.gz"), 24);
        Assert.Equal((2, 3, 4), (volume.SizeX, volume.SizeY, volume.SizeZ));
        Assert.Equal([0, 0, -2, 10, 1.5, 0, 0, -20, 0, 3, 0, 5, 0, 0, 0, 1], volume.Affine);
        Assert.Equal((1.5, 3.0, 2.0), volume.VoxelMm);
        Assert.Equal([0f, 12, 4, 16, 8, 20], volume.Values[..6]);
    }

    [Fact]
    public void A_qform_gives_the_affine_that_NiBabel_finds()
    {
        Volume volume = Nifti.Read(Fixtures.Read("qform.nii"), 24);
        double[] expected = [-1.96013316, -0.19866932, 0, 1, -0.39733865, 0.98006658, 0, 2, 0, 0, 3, 3, 0, 0, 0, 1];
        for (int i = 0; i < 16; i++) Assert.Equal(expected[i], volume.Affine[i], 1e-6);
        Assert.Equal([0f, 3, 1, 4, 2, 5], volume.Values[..6]);
    }

    [Fact]
    public void Big_endian_and_scaled_values_are_read() =>
        Assert.Equal([-1f, 5, 1, 7, 3, 9], Nifti.Read(Fixtures.Read("big-endian.nii"), 24).Values[..6]);

    [Theory]
    [InlineData(2, 8, new byte[] { 200 }, 200f)]
    [InlineData(4, 16, new byte[] { 0x00, 0x80 }, -32768f)]
    [InlineData(8, 32, new byte[] { 0xFE, 0xFF, 0xFF, 0xFF }, -2f)]
    [InlineData(16, 32, new byte[] { 0, 0, 0xC0, 0x3F }, 1.5f)]
    [InlineData(64, 64, new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0xBF }, -1.5f)]
    [InlineData(256, 8, new byte[] { 0x80 }, -128f)]
    [InlineData(512, 16, new byte[] { 0xFF, 0xFF }, 65535f)]
    [InlineData(768, 32, new byte[] { 0, 0, 0, 0x80 }, 2147483648f)]
    public void Each_data_type_is_read(short type, short bits, byte[] voxel, float expected)
    {
        byte[] file = [.. Header(1, 1, 1, type, bits), .. voxel];
        Assert.Equal([expected], Nifti.Read(file, 1).Values);
    }

    public static TheoryData<string, Action<byte[]>> Damage => new()
    {
        { "not a NIfTI-1", header => header[0] = 0 },
        { "not a NIfTI-1", header => header[345] = (byte)'x' },
        { "second file", header => header[345] = (byte)'i' },
        { "3 dimensions", header => Set(header, 40, 2) },
        { "3 dimensions", header => Set(header, 40, 8) },
        { "not positive", header => Set(header, 44, 0) },
        { "not positive", header => Set(header, 44, -3) },
        { "more than one volume", header => { Set(header, 40, 4); Set(header, 48, 2); } },
        { "data type is not supported", header => Set(header, 70, 32) },
        { "disagree", header => Set(header, 72, 16) },
        { "out of range", header => SetFloat(header, 108, 351) },
        { "out of range", header => SetFloat(header, 108, 352.5f) },
        { "out of range", header => SetFloat(header, 108, float.NaN) },
        { "out of range", header => SetFloat(header, 108, 1e9f) },
        { "truncated", header => SetFloat(header, 108, 368) },
        { "truncated", header => Set(header, 42, 30000) },
        { "scaling", header => { SetFloat(header, 112, 1); SetFloat(header, 116, float.NaN); } },
        { "not finite", header => SetFloat(header, 112, float.MaxValue) },
        { "no orientation", header => Set(header, 254, 0) },
        { "not finite", header => SetFloat(header, 280, float.NaN) },
        { "axis without length", header => SetFloat(header, 280, 0) },
        { "one plane", header => { SetFloat(header, 280, 1); SetFloat(header, 296, 0); SetFloat(header, 300, 0); SetFloat(header, 284, 1); } },
    };

    [Theory, MemberData(nameof(Damage), DisableDiscoveryEnumeration = true)]
    public void A_header_that_cannot_be_right_is_refused_with_its_reason(string reason, Action<byte[]> damage)
    {
        byte[] file = [.. Header(2, 2, 2, 2, 8), 1, 2, 3, 4, 5, 6, 7, 255];
        Assert.Equal(8, Nifti.Read(file, 1_000_000).Values.Length);
        damage(file);
        Assert.Contains(reason, Assert.Throws<InvalidMeasurementException>(() => Nifti.Read(file, 1_000_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gzip_bomb_is_refused_before_it_is_unpacked()
    {
        byte[] bomb = Compress([.. Header(1000, 1000, 1000, 2, 8), .. new byte[1000]]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "at most 1000000 are allowed", Assert.Throws<InvalidMeasurementException>(() => Nifti.Read(bomb, 1_000_000)).Message, StringComparison.Ordinal);
        Assert.Contains("truncated", Assert.Throws<InvalidMeasurementException>(() => Nifti.Read(bomb, long.MaxValue)).Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Fact]
    public void What_follows_the_voxels_is_not_unpacked()
    {
        byte[] padded = Compress([.. Header(1, 1, 1, 2, 8), 9, .. new byte[20_000_000]]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal([9f], Nifti.Read(padded, 1).Values);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    internal static byte[] Header(short x, short y, short z, short type, short bits)
    {
        byte[] header = new byte[352];
        Set(header, 0, 348);
        short[] sizes = [3, x, y, z, 1, 1, 1, 1];
        for (int i = 0; i < 8; i++) Set(header, 40 + (2 * i), sizes[i]);
        Set(header, 70, type);
        Set(header, 72, bits);
        SetFloat(header, 108, 352);
        Set(header, 254, 1);
        foreach (int at in (int[])[280, 300, 320]) SetFloat(header, at, 1);
        "n+1\0"u8.CopyTo(header.AsSpan(344));
        return header;
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private static void Set(byte[] header, int at, short value) => BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(at), value);

    private static void SetFloat(byte[] header, int at, float value) => BinaryPrimitives.WriteSingleLittleEndian(header.AsSpan(at), value);
}
