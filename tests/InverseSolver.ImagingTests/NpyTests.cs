using System.Buffers.Binary;
using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class NpyTests
{
    private static readonly int[] Cube = [2, 3, 4];

    public static TheoryData<string, Func<int, float>> NumPyFiles => new()
    {
        { "f4.npy", i => i - 0.5f },
        { "f8-fortran.npy", i => i },
        { "f2.npy", i => i / 8f },
        { "u2.npy", i => i * 2700 },
        { "i8.npy", i => -i },
        { "bool.npy", i => i % 3 == 0 ? 1 : 0 },
        { "version2.npy", i => i },
        { "version3.npy", i => i },
    };

    [Theory, MemberData(nameof(NumPyFiles), DisableDiscoveryEnumeration = true)]
    public void Files_written_by_NumPy_are_read(string name, Func<int, float> value)
    {
        ArrayData array = Npy.Read(Fixtures.Read(name), maxElements: 24);
        Assert.Equal(Cube, array.Shape);
        Assert.False(array.IsComplex);
        Assert.Equal(Enumerable.Range(0, 24).Select(value), array.Values);
    }

    [Fact]
    public void Complex_files_written_by_NumPy_are_read_interleaved()
    {
        ArrayData single = Npy.Read(Fixtures.Read("c8.npy"), 24);
        Assert.True(single.IsComplex);
        Assert.Equal(Cube, single.Shape);
        Assert.Equal(Enumerable.Range(0, 24).SelectMany(i => new[] { i, i + 0.25f }), single.Values);

        ArrayData fortran = Npy.Read(Fixtures.Read("c16-fortran.npy"), 24);
        Assert.Equal(Enumerable.Range(0, 24).SelectMany(i => new[] { i, -(float)i }), fortran.Values);
    }

    [Fact]
    public void A_single_number_and_an_empty_array_are_read()
    {
        ArrayData number = Npy.Read(Fixtures.Read("number.npy"), 1);
        Assert.Empty(number.Shape);
        Assert.Equal([2.5f], number.Values);
        ArrayData empty = Npy.Read(Fixtures.Read("empty.npy"), 0);
        Assert.Equal([3, 0], empty.Shape);
        Assert.Empty(empty.Values);
    }

    [Theory]
    [InlineData("<i1", new byte[] { 0x80 }, -128f)]
    [InlineData("|i1", new byte[] { 0xFF }, -1f)]
    [InlineData("|u1", new byte[] { 0xFF }, 255f)]
    [InlineData("<i2", new byte[] { 0x00, 0x80 }, -32768f)]
    [InlineData(">i2", new byte[] { 0x80, 0x00 }, -32768f)]
    [InlineData("<u2", new byte[] { 0x34, 0x12 }, 4660f)]
    [InlineData("<i4", new byte[] { 0xFE, 0xFF, 0xFF, 0xFF }, -2f)]
    [InlineData(">i4", new byte[] { 0xFF, 0xFF, 0xFF, 0xFE }, -2f)]
    [InlineData("<u4", new byte[] { 0, 0, 0, 0x80 }, 2147483648f)]
    [InlineData(">u4", new byte[] { 0x80, 0, 0, 0 }, 2147483648f)]
    [InlineData(">i8", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFD }, -3f)]
    [InlineData("<u8", new byte[] { 0, 0, 0, 0, 0, 0, 0, 0x80 }, 9223372036854775808f)]
    [InlineData(">u8", new byte[] { 0, 0, 0, 0, 0, 0, 1, 0 }, 256f)]
    [InlineData("<f2", new byte[] { 0x00, 0x3E }, 1.5f)]
    [InlineData(">f4", new byte[] { 0x3F, 0xC0, 0, 0 }, 1.5f)]
    [InlineData("<f8", new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0xBF }, -1.5f)]
    public void Each_element_type_is_read(string descr, byte[] element, float expected) =>
        Assert.Equal([expected], Npy.Read(File($"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}", element), 1).Values);

    [Theory]
    [InlineData("{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"<f4\"}")]
    [InlineData("{ 'fortran_order' : False , 'descr':'<f4','shape': ( 2 , ) }\n")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2,)}")]
    public void The_header_may_be_spelt_as_Python_allows(string header) => Assert.Equal([0f, 0f], Npy.Read(File(header, new byte[8]), 2).Values);

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2 1)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1+1,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': [2]}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483648,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647,2147483647,2147483647)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} 1")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)")]
    [InlineData("{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}")]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}")]
    [InlineData("{'descr': 'f4', 'fortran_order': False, 'shape': (2,)}")]
    [InlineData("")]
    public void Anything_else_in_the_header_is_refused(string header) =>
        Assert.Throws<InvalidMeasurementException>(() => Npy.Read(File(header, new byte[8]), 1000));

    [Theory]
    [InlineData("record.npy")]
    [InlineData("text.npy")]
    [InlineData("object.npy")]
    public void Records_texts_and_objects_are_refused(string name) =>
        Assert.Contains(
            "not supported", Assert.Throws<InvalidMeasurementException>(() => Npy.ReadHeader(Fixtures.Read(name))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_shape_beyond_the_limit_or_the_data_is_refused_before_memory_is_taken()
    {
        byte[] claimed = File("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,)}", new byte[8]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(
            "The .npy array has 500000000 elements; at most 1000 are allowed.",
            Assert.Throws<InvalidMeasurementException>(() => Npy.Read(claimed, 1000)).Message);
        Assert.Equal(
            "The .npy file holds 8 bytes of elements where its shape needs 2000000000.",
            Assert.Throws<InvalidMeasurementException>(() => Npy.Read(claimed, long.MaxValue)).Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000);
        Assert.Throws<InvalidMeasurementException>(() => Npy.Read([.. Fixtures.Read("f4.npy"), 0], 24));
        Assert.Throws<InvalidMeasurementException>(() => Npy.Read(Fixtures.Read("f4.npy"), 23));
    }

    [Fact]
    public void Values_that_are_not_finite_are_refused_on_request()
    {
        byte[] nan = Npy.Write(new ArrayData([2], [1, float.NaN]));
        Assert.Contains("not finite", Assert.Throws<InvalidMeasurementException>(() => Npy.Read(nan, 2)).Message, StringComparison.Ordinal);
        Assert.Equal([1f, float.NaN], Npy.Read(nan, 2, requireFinite: false).Values);
        byte[] huge = File("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", BitConverter.GetBytes(1e300));
        Assert.Throws<InvalidMeasurementException>(() => Npy.Read(huge, 1));
    }

    [Theory]
    [InlineData(new int[0], false)]
    [InlineData(new[] { 7 }, false)]
    [InlineData(new[] { 2, 3 }, true)]
    [InlineData(new[] { 1, 2, 1, 2, 1, 2, 1, 2 }, false)]
    [InlineData(new[] { 4, 0 }, true)]
    public void What_is_written_is_read_back(int[] shape, bool complex)
    {
        int count = shape.Aggregate(1, (product, size) => product * size) * (complex ? 2 : 1);
        var array = new ArrayData(shape, [.. Enumerable.Range(0, count).Select(i => (i * 0.37f) - 1)], complex);
        byte[] file = Npy.Write(array);
        NpyHeader header = Npy.ReadHeader(file);
        Assert.Equal(0, header.DataOffset % 64);
        ArrayData back = Npy.Read(file, count);
        Assert.Equal(shape, back.Shape);
        Assert.Equal(complex, back.IsComplex);
        Assert.Equal(array.Values, back.Values);
    }

    [Fact]
    public void NumPy_would_write_the_same_bytes() =>
        Assert.Equal(Fixtures.Read("f4.npy"), Npy.Write(new ArrayData(Cube, [.. Enumerable.Range(0, 24).Select(i => i - 0.5f)])));

    private static byte[] File(string header, byte[] data)
    {
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)header.Length);
        return [0x93, .. "NUMPY"u8, 1, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. data];
    }
}
