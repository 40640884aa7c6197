using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class BartTests
{
    [Fact]
    public void BART_reads_what_is_written_and_its_answer_is_read() => RawData.InFolder(folder =>
    {
        // The last index of C order is BART's first: the array (2, 3, 5) is 5 3 2 there, and transposing its first two dimensions gives 3 5 2.
        float[] values = [.. Enumerable.Range(0, 60).Select(i => i - 7.5f)];
        (byte[] header, byte[] data) = BartFile.Write(new ArrayData([2, 3, 5], values, IsComplex: true));
        File.WriteAllBytes(Path.Combine(folder, "a.hdr"), header);
        File.WriteAllBytes(Path.Combine(folder, "a.cfl"), data);
        RawData.Run("/usr/bin/bart", ["transpose", "0", "1", Path.Combine(folder, "a"), Path.Combine(folder, "b")]);
        (int[] dimensions, ArrayData array) = BartFile.Read(
            File.ReadAllBytes(Path.Combine(folder, "b.hdr")), File.ReadAllBytes(Path.Combine(folder, "b.cfl")), 30);
        Assert.Equal([3, 5, 2], dimensions);
        Assert.Equal([2, 5, 3], array.Shape);
        for (int i = 0; i < 30; i++)
        {
            int slice = i / 15, row = i % 15 / 3, column = i % 3;
            Assert.Equal(values[2 * ((slice * 15) + (column * 5) + row)], array.Values[2 * i]);
            Assert.Equal(values[(2 * ((slice * 15) + (column * 5) + row)) + 1], array.Values[(2 * i) + 1]);
        }
        return 0;
    });

    [Fact]
    public void Real_values_get_imaginary_parts_of_zero()
    {
        (byte[] header, byte[] data) = BartFile.Write(new ArrayData([2], [3, 4]));
        Assert.Equal([3, 0, 4, 0], BartFile.Read(header, data, 2).Array.Values);
    }

    [Theory]
    [InlineData("# Dimensions\n2 1 1\n", true)]
    [InlineData("# Creator\nx\n# Dimensions\n1 2 \n# Command\n", true)]
    [InlineData("# Dimensions\n3\n", false)]
    [InlineData("# Dimensions\n2 0\n", false)]
    [InlineData("# Dimensions\n-2 -1\n", false)]
    [InlineData("# Dimensions\n2147483647 2147483647 2147483647 2147483647 2\n", false)]
    [InlineData("# Dimensions\n1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2\n", false)]
    [InlineData("# Dimensions", false)]
    [InlineData("2 1\n", false)]
    [InlineData("", false)]
    public void Only_headers_that_fit_are_read(string header, bool fits)
    {
        byte[] text = Encoding.ASCII.GetBytes(header), data = new byte[16];
        if (fits) Assert.Equal(4, BartFile.Read(text, data, 2).Array.Values.Length);
        else Assert.Throws<InvalidMeasurementException>(() => BartFile.Read(text, data, 2));
    }
}
